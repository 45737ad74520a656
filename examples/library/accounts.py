"""Each user of frps has a password, ports and domains, from a file such as users.toml in this folder.

As a server plugin of any frps: uvicorn --app-dir examples/library accounts:app --port 9000
As a frps: python examples/library/accounts.py 7000
"""

import asyncio
import hmac
import os
import sys
import tomllib
from pathlib import Path

import aiofrp
from aiofrp.hooks import ClientInfo, Login, NewProxy, PluginApp, Refused, ServerHooks, replace


class Accounts(ServerHooks):
    def __init__(self, path):
        self.path = Path(path)

    async def login(self, message: Login, address: str) -> Login:
        """frpc has `user = "alice"` and `metadatas.password = "…"`."""
        password = message.metas.get("password", "")
        if not hmac.compare_digest(password.encode(), self.account(message.user)["password"].encode()):
            raise Refused(f"wrong password of user [{message.user}]")
        return message

    async def new_proxy(self, message: NewProxy, client: ClientInfo) -> NewProxy:
        account = self.account(client.user)
        domains = account.get("domains", [])
        for domain in message.custom_domains:
            if domain not in domains:
                raise Refused(f"domain {domain} is not yours; yours are {domains}")
        if message.subdomain:
            raise Refused("sub-domains belong to nobody here: use customDomains")
        if message.proxy_type in ("tcp", "udp", ""):
            ports = account.get("ports", [])
            if message.remote_port == 0 and ports:
                return replace(message, remote_port=ports[0])
            if message.remote_port not in ports:
                raise Refused(f"port {message.remote_port} is not yours; yours are {ports}")
        return message

    def account(self, user):
        # Read each time: the file is small, and a change takes effect at once.
        accounts = tomllib.loads(self.path.read_text())
        if user not in accounts:
            raise Refused(f"user [{user}] is not known")
        return accounts[user]


USERS = os.environ.get("USERS", Path(__file__).with_name("users.toml"))
app = PluginApp(Accounts(USERS))


async def main() -> None:
    async with aiofrp.Server(bind_port=int(sys.argv[1]), hooks=Accounts(USERS)) as server:
        print("frps listens on", server.address, flush=True)
        await server.wait()


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        sys.exit("usage: python accounts.py PORT")
    asyncio.run(main())
