/** The pages of frpc. */
import { render } from 'preact'
import '../styles/base.css'
import '../styles/parts.css'

const root = document.getElementById('app')
if (root) render(<p>frpc</p>, root)
