// A certified OpenID Connect provider on 127.0.0.1. Arguments: its port, an id for its key, and an algorithm.
// It gives JWT access tokens to one client for one resource, and prints a line when it listens.
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const [port, kid, alg] = process.argv.slice(2);
const audience = "https://frps.example/";
const { privateKey } = await generateKeyPair(alg, { extractable: true });
const key = { ...(await exportJWK(privateKey)), kid, alg, use: "sig" };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "test-client",
      client_secret: "a secret/+%&=:",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    },
  ],
  enabledJWA: { idTokenSigningAlgValues: [alg] },
  clientDefaults: { id_token_signed_response_alg: alg },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: "tunnel",
        audience,
        accessTokenTTL: 60,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg } },
      }),
    },
  },
  jwks: { keys: [key] },
});
provider.on("server_error", (_, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
