"""Rows about configuration files: what an error of the parsers means, and what to write instead.

Most mistakes in a file have a hint of their own where they are found (:mod:`aiofrp.config.load.hints`), as it depends
on the models. These rows are about what has none there. Facts: ``format`` of the file; ``quotes`` (``curly``) and
``value`` (``bare``) say how the line is written, ``found`` and ``beside`` what is beside a file that is missing.
"""

from __future__ import annotations

from typing import Final

from aiofrp.hints.entry import KnownFailure

_QUOTES: Final = 'Write texts in straight quotes: key = "text"'

CONFIGURATION: Final = (
    KnownFailure(
        "include-unreadable",
        cause="a file that includes names cannot be read",
        step="Correct includes, or let the user of the program read the file",
        key="includes",
        prints=(
            "load additional config from {path} error: open",
            "load additional config from {path} error: read",
            "render extra config {path} error",
        ),
    ),
    KnownFailure(
        "file-beside",
        cause="there is no file {path}, and {beside} is in the same directory",
        step="Name it: -c {beside}",
        prints=("open {path}: no such file or directory",),
        given={"found": "beside"},
    ),
    KnownFailure(
        "file-missing",
        cause="there is no file {path}",
        reasons=("its name is misspelt", "the program starts in another directory"),
        step="Name the file with -c, or write one with `aiofrp init`",
        prints=("open {path}: no such file or directory",),
    ),
    KnownFailure(
        "file-forbidden",
        cause="the program may not read {path}",
        step="Let the user of the program read it, or run it as another user",
        prints=("open {path}: permission denied",),
    ),
    KnownFailure(
        "file-is-directory",
        cause="{path} is a directory",
        step="Name a file with -c; for all files of a directory frpc has --config-dir",
        prints=("read {path}: is a directory",),
    ),
    KnownFailure(
        "include-directory-missing",
        cause="the directory of an entry of includes does not exist",
        step="Correct the path; it is relative to the directory the program starts in",
        key="includes",
        prints=("stat {path}: no such file or directory", "include: directory of {path} not exist"),
    ),
    KnownFailure(
        "toml-curly-quotes",
        cause="the line has curly quotes, as word processors write them",
        step=_QUOTES,
        given={"format": "toml", "quotes": "curly"},
        prints=("toml:",),
    ),
    KnownFailure(
        "toml-list",
        cause="a list does not end",
        step='Write lists in brackets with commas between: ["a", "b"]',
        prints=("unclosed array", "invalid value"),
        given={"format": "toml", "list": "open"},
    ),
    KnownFailure(
        "toml-no-quotes",
        cause="a text stands without quotes",
        step=_QUOTES,
        prints=("expected newline or end of document after a statement", "invalid value"),
        given={"format": "toml", "value": "bare"},
    ),
    KnownFailure(
        "toml-no-equals",
        cause="there is no = between key and value",
        step="Write key = value, one a line",
        prints=("expected character =",),
    ),
    KnownFailure(
        "toml-open-quote",
        cause="a text begins with a quote and does not end with the same",
        step="End the text with the quote with which it begins, on the same line",
        prints=(
            'toml: expected "\'"',
            "toml: expected '\"'",
            "unterminated string",
            "illegal character '\\n'",
            "unclosed string",
        ),
    ),
    KnownFailure(
        "toml-header",
        cause="the brackets of a table's header do not match",
        step="Write [[proxies]] for one of several, and [auth] for a single table",
        prints=("at the end of an array declaration", "at the end of a table declaration"),
    ),
    KnownFailure(
        "toml-key-twice",
        cause="the file has the key or the table twice",
        step="Remove one of them; several proxies are several [[proxies]], with two brackets",
        prints=("is already defined",),
    ),
    KnownFailure(
        "toml-key",
        cause="a line begins with a character that no key has",
        step="Write key = value, one a line; comments begin with #",
        prints=("invalid character at start of key",),
    ),
    KnownFailure(
        "toml-other",
        cause="the line is no TOML",
        step="Write key = value, one a line, and texts in quotes",
        prints=("toml: line",),
    ),
    KnownFailure(
        "yaml-tab",
        cause="a line is indented with a tab",
        step="Indent with blanks, two for each level",
        prints=(
            "found a tab character",
            "found character '\\t' that cannot start any token",
            "found character that cannot start any token",
        ),
    ),
    KnownFailure(
        "yaml-other",
        cause="the file is no YAML",
        step="Write key: value with a blank after the colon, and indent lines of one level equally",
        prints=("error converting YAML to JSON: yaml:",),
    ),
    KnownFailure(
        "json-comma",
        cause="a comma stands before a closing bracket, or is missing between two values",
        step="Write commas between values and none after the last",
        prints=(
            "looking for beginning of object key string",
            "after object key:value pair",
            "after array element",
            "invalid character ']' looking for beginning of value",
        ),
    ),
    KnownFailure(
        "json-end",
        cause="the file ends before all brackets are closed",
        step="Close each {{ with }} and each [ with ]",
        prints=("unexpected end of JSON input",),
    ),
    KnownFailure(
        "json-other",
        cause="the file is no JSON",
        step="Write keys and texts in double quotes, a colon between key and value, and commas between values",
        prints=("invalid character '{character}' ",),
    ),
    KnownFailure(
        "template-variable",
        cause="the template uses an environment variable that is not set",
        step="Set the variable before the start: NAME=value frpc -c FILE",
        prints=("map has no entry for key", "nil data; no entry for key"),
    ),
    KnownFailure(
        "template",
        cause="the file has a template ({{{{ … }}}}) that cannot be read",
        step="Write {{{{ .Envs.NAME }}}} for a variable of the environment",
        prints=("template:",),
    ),
    KnownFailure(
        "name-twice",
        cause="two proxies or visitors have the same name",
        step="Give each a name of its own",
        key="proxies.name",
        prints=("name [{name}] is duplicated",),
    ),
    KnownFailure(
        "server-name-required",
        cause="the visitor names no proxy",
        step="Set serverName to the name of the proxy on the other frpc",
        key="visitors.serverName",
        prints=("server name is required",),
    ),
    KnownFailure(
        "name-empty",
        cause="a proxy or visitor has no name",
        step='Write name = "…", different for each',
        key="proxies.name",
        prints=("name should not be empty", "name is required"),
    ),
    KnownFailure(
        "port-range",
        cause="ports are numbers from 0 to 65535",
        step="Write a number in this range",
        prints=("must be in the range 0..65535",),
    ),
    KnownFailure(
        "health-path",
        cause="a health check over http asks for a path, and there is none",
        step='Set healthCheck.path = "/health", or what the service answers with 200',
        key="proxies.healthCheck.path",
        prints=("health check path should not be empty",),
    ),
    KnownFailure(
        "two-tokens",
        cause="the token is given twice",
        step="Leave auth.token or auth.tokenSource out",
        key="auth.token",
        prints=("cannot specify both auth.token and auth.tokenSource",),
    ),
    KnownFailure(
        "plugin-option",
        cause="an option of the plugin is missing",
        step="Set plugin.{option}",
        key="proxies.plugin.{option}",
        prints=("plugin {plugin}: {option} is required",),
    ),
    KnownFailure(
        "web-tls",
        cause="webServer.tls needs a certificate and its key",
        step="Set webServer.tls.certFile and keyFile, or leave webServer.tls out",
        key="webServer.tls",
        prints=("must be specified when tls is enabled",),
    ),
    KnownFailure(
        "oidc-incomplete",
        cause="the table auth.oidc is incomplete",
        step="Set auth.oidc.clientID, clientSecret and tokenEndpointURL as the provider gives them",
        key="auth.oidc",
        prints=("auth.oidc.clientID is required", "auth.oidc.tokenEndpointURL"),
    ),
    KnownFailure(
        "choices",
        cause="the key cannot have this value",
        step="Write one of: {known}",
        prints=("optional values are [{known}]",),
    ),
)
