"""The web server of both programs' APIs: credentials, guards against other web sites, profiling.

The programs add their routes themselves.
"""
