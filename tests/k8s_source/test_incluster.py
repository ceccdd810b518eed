"""What a pod knows about its API server."""

import pytest
from proclaim import SettingsError
from proclaim_k8s_source.access.incluster import in_cluster
from proclaim_k8s_source.access.value import Pem, TokenFile

POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def account(tmp_path):
    for name, text in [("token", "t"), ("ca.crt", "c"), ("namespace", "metallb-system\n")]:
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_pod_uses_its_service_account(account):
    access = in_cluster(POD, account)
    assert access.server == "https://10.96.0.1:443"
    assert access.credentials == TokenFile(str(account / "token"))
    assert access.authority == Pem(path=str(account / "ca.crt"))
    assert access.namespace == "metallb-system"
    assert not access.insecure


def test_an_ipv6_service_address_is_put_into_brackets(account):
    access = in_cluster({**POD, "KUBERNETES_SERVICE_HOST": "fd00::1"}, account)
    assert access.server == "https://[fd00::1]:443"


@pytest.mark.parametrize("missing", list(POD))
def test_without_the_two_variables_this_is_no_pod(account, missing):
    assert in_cluster({**POD, missing: ""}, account) is None


def test_a_pod_without_a_token_has_no_access(account):
    (account / "token").unlink()
    assert in_cluster(POD, account) is None


def test_a_token_without_an_authority_is_an_error_that_names_the_file(account):
    (account / "ca.crt").unlink()
    with pytest.raises(SettingsError, match=r"ca\.crt: is missing"):
        in_cluster(POD, account)


def test_a_missing_namespace_is_left_to_the_settings(account):
    (account / "namespace").unlink()
    assert in_cluster(POD, account).namespace == ""
