/** The pages of frps. */
import { render } from 'preact'
import '../styles/base.css'
import '../styles/parts.css'
import '../styles/charts.css'
import { urlOf } from '../lib/api'
import { Live } from '../lib/live'
import { LiveContext } from '../lib/resource'
import { useRoute } from '../lib/router'
import { Frame, type Entry } from '../ui/frame'
import { FeaturesContext, useLoadedFeatures } from './features'
import { Overview } from './overview'

const MENU: readonly Entry[] = [{ path: '', label: 'overview', icon: 'overview' }]

function App() {
  const route = useRoute()
  const features = useLoadedFeatures()
  return (
    <FeaturesContext.Provider value={features}>
      <Frame program="frps" menu={MENU} current="" pageKey={route.path.join('/')}>
        <Overview />
      </Frame>
    </FeaturesContext.Provider>
  )
}

const root = document.getElementById('app')
if (root) {
  render(<LiveContext.Provider value={new Live(urlOf('v2/events'))}><App /></LiveContext.Provider>, root)
}
