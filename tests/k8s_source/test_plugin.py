"""The Kubernetes source says plainly that it is not built yet."""

import pytest
from proclaim import PluginError, Settings
from proclaim_k8s_source.plugin import proclaim_sources


def test_nobody_who_did_not_ask_for_it_hears_of_it():
    assert list(proclaim_sources(settings=Settings())) == []
    disabled = Settings(sections={"k8s_source": {"enabled": False}})
    assert list(proclaim_sources(settings=disabled)) == []


@pytest.mark.parametrize("options", [{}, {"enabled": True}, {"url": "https://localhost"}])
def test_who_asks_for_it_is_told_what_to_do_instead(options):
    with pytest.raises(PluginError, match="is not built yet") as refused:
        proclaim_sources(settings=Settings(sections={"k8s_source": options}))
    assert "[file_source]" in refused.value.hint
