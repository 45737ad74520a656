"""What both programs' INI files have in common."""

from __future__ import annotations

import pytest

from aiofrp.config.legacy import convert_client, convert_server, ini
from aiofrp.errors import ConfigError


def test_a_common_section_there_must_be() -> None:
    with pytest.raises(ConfigError, match=r"not found \[common\] section"):
        convert_server(ini.parse("[x]\n"))


def test_scopes_of_authentication_become_a_list() -> None:
    text = "[common]\nauthenticate_heartbeats = true\nauthenticate_new_work_conns = 1\n"
    for convert in (convert_client, convert_server):
        scopes = convert(ini.parse(text)).config["auth"]["additionalScopes"]
        assert scopes == ["HeartBeats", "NewWorkConns"]
        assert "auth" not in convert(ini.parse("[common]\nauthenticate_heartbeats = false\n")).config
