"""A kubeconfig as kubectl reads it, and where one is looked for."""

import base64

import pytest
import yaml
from proclaim import SettingsError
from proclaim_k8s_source.access import find_access
from proclaim_k8s_source.access.kubeconfig import Document, read_kubeconfig
from proclaim_k8s_source.access.value import (
    Anonymous,
    Basic,
    Pem,
    Plugin,
    Token,
    TokenFile,
)

SECRET = "hunter2-planted"
AT = "/etc/kube/config"
V1 = "client.authentication.k8s.io/v1"


def document(cluster=None, user=None, path=AT, **top):
    server = {"server": "https://192.0.2.1:6443"}
    return Document(
        path,
        {
            "current-context": "home",
            "contexts": [{"name": "home", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {**server, **(cluster or {})}}],
            "users": [{"name": "u", "user": user or {}}],
            **top,
        },
    )


def access(cluster=None, user=None, **top):
    return read_kubeconfig([document(cluster, user, **top)])


def data(text):
    return base64.b64encode(text.encode()).decode()


def test_the_current_context_says_which_cluster_user_and_namespace():
    contexts = [
        {"name": "away", "context": {"cluster": "nowhere"}},
        {"name": "home", "context": {"cluster": "c", "user": "u", "namespace": "lb"}},
    ]
    found = access(user={"token": SECRET}, contexts=contexts)
    assert found.server == "https://192.0.2.1:6443"
    assert found.credentials == Token(SECRET)
    assert found.namespace == "lb"
    assert found.origin == f"{AT} (context home)"


def test_a_named_context_goes_before_the_current_one():
    contexts = [
        {"name": "home", "context": {"cluster": "c"}},
        {"name": "other", "context": {"cluster": "c", "namespace": "x"}},
    ]
    found = read_kubeconfig([document(contexts=contexts)], "other")
    assert found.namespace == "x"
    assert found.credentials == Anonymous()


def test_paths_are_relative_to_the_folder_of_the_file():
    found = access(
        {"certificate-authority": "ca.crt"},
        {"client-certificate": "pki/me.crt", "client-key": "/abs/me.key", "tokenFile": "t"},
    )
    assert found.authority == Pem(path="/etc/kube/ca.crt")
    assert found.certificate == Pem(path="/etc/kube/pki/me.crt")
    assert found.key == Pem(path="/abs/me.key")
    assert found.credentials == TokenFile("/etc/kube/t")


def test_data_goes_before_a_file():
    found = access({"certificate-authority": "ca.crt", "certificate-authority-data": data("pem")})
    assert found.authority == Pem(b"pem")


def test_how_to_get_there():
    found = access({"tls-server-name": "api.internal", "proxy-url": "http://proxy:3128"})
    assert (found.tls_server_name, found.proxy) == ("api.internal", "http://proxy:3128")


def test_a_path_in_the_servers_url_stays():
    assert access({"server": "https://r.example/k8s/c-1/"}).server == "https://r.example/k8s/c-1"


def test_a_certificate_is_believed_unchecked_only_when_that_is_asked_for():
    assert not access().insecure
    assert not access({"insecure-skip-tls-verify": False}).insecure
    assert access({"insecure-skip-tls-verify": True}).insecure


def test_a_token_file_goes_before_a_token_and_either_before_a_command():
    run = {"exec": {"apiVersion": V1, "command": "aws"}}
    assert isinstance(access(user={"token": "t", "tokenFile": "f"}).credentials, TokenFile)
    assert isinstance(access(user={"token": "t", **run}).credentials, Token)
    assert isinstance(access(user=run).credentials, Plugin)


def test_a_user_name_and_a_password():
    found = access(user={"username": "admin", "password": SECRET})
    assert found.credentials == Basic("admin", SECRET)


def test_a_command_with_all_it_is_told():
    found = access(
        {
            "certificate-authority-data": data("pem"),
            "extensions": [
                {"name": "other", "extension": 1},
                {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}},
            ],
        },
        {
            "exec": {
                "apiVersion": V1,
                "command": "./bin/login",
                "args": ["--cluster", "c"],
                "env": [{"name": "PROFILE", "value": "p"}],
                "installHint": "get it somewhere",
                "provideClusterInfo": True,
                "interactiveMode": "IfAvailable",
            }
        },
    )
    assert found.credentials == Plugin(
        V1,
        "/etc/kube/bin/login",
        ("--cluster", "c"),
        {"PROFILE": "p"},
        "get it somewhere",
        {
            "server": "https://192.0.2.1:6443",
            "certificate-authority-data": data("pem"),
            "config": {"audience": "x"},
        },
    )


def test_of_several_files_the_first_counts():
    first = document(user={"token": "one"}, path="/a/config")
    second = document({"server": "https://other:1"}, {"token": "two"}, path="/b/config")
    second.value["clusters"].append({"name": "d", "cluster": {"server": "https://d:1"}})
    second.value["contexts"].append({"name": "d", "context": {"cluster": "d", "user": "u"}})
    assert read_kubeconfig([first, second]).server == "https://192.0.2.1:6443"
    mixed = read_kubeconfig([first, second], "d")
    assert (mixed.server, mixed.credentials) == ("https://d:1", Token("one"))


def test_an_empty_current_context_leaves_it_to_the_next_file():
    first, second = document(**{"current-context": ""}), document(path="/b/config")
    assert read_kubeconfig([first, second]).server == "https://192.0.2.1:6443"


WRONG = [
    ({"server": ""}, {}, r"clusters\[c\]\.cluster\.server: is missing"),
    ({"server": "192.0.2.1"}, {}, r"server: is not an URL like https://"),
    ({"server": "https://a:x"}, {}, r"server: is not an URL like https://"),
    ({"server": f"https://me:{SECRET}@a"}, {}, r"server: has a user name in it"),
    ({"server": "http://api.example"}, {"token": SECRET}, r"server: is http://"),
    ({"proxy-url": "ftp://x"}, {}, r"proxy-url: is not an URL of http, https, socks5"),
    ({"certificate-authority-data": "%%"}, {}, r"certificate-authority-data: is not base64"),
    (
        {"insecure-skip-tls-verify": True, "certificate-authority": "x"},
        {},
        r"insecure-skip-tls-verify: excludes certificate-authority",
    ),
    ({"insecure-skip-tls-verify": "yes"}, {}, r"insecure-skip-tls-verify: is not true or false"),
    ({}, {"client-certificate": "x"}, r"users\[u\]\.user\.client-key: is missing"),
    ({}, {"client-key": "x"}, r"client-certificate: is missing"),
    ({}, {"token": 12345}, r"token: is not a text; put it between quotes"),
    ({}, {"token": f"{SECRET}\nX: y"}, r"token: is not one line of printable ASCII"),
    ({}, {"token": SECRET, "username": "a"}, r"username: stands beside a token"),
    ({}, {"as": "root"}, r"as: acting as somebody else is not supported"),
    ({}, {"auth-provider": {"name": "gcp"}}, r"auth-provider: is not supported; use exec"),
    ({}, {"exec": {"command": "x"}}, r"user\.exec\.apiVersion: is missing"),
    ({}, {"exec": {"apiVersion": "v1alpha1", "command": "x"}}, r"exec\.apiVersion: is not client"),
    ({}, {"exec": {"apiVersion": V1}}, r"exec\.command: is missing"),
    (
        {},
        {"exec": {"apiVersion": V1, "command": "x", "interactiveMode": "Always"}},
        r"interactiveMode: is Always, but nobody is there to be asked",
    ),
    ({}, {"exec": {"apiVersion": V1, "command": "x", "args": [SECRET, 1]}}, r"args: is not a list"),
    ({}, {"exec": {"apiVersion": V1, "command": "x", "env": ["A=b"]}}, r"env\[0\]: is not a map"),
]


@pytest.mark.parametrize(("cluster", "user", "said"), WRONG)
def test_an_error_names_the_file_and_the_field_and_shows_no_value(cluster, user, said):
    with pytest.raises(SettingsError, match=said) as caught:
        access(cluster, user)
    assert caught.value.message.startswith(f"{AT}: ")
    assert SECRET not in str(caught.value) + caught.value.hint


def test_names_that_are_not_there_come_with_those_that_are():
    with pytest.raises(SettingsError, match="contexts: none is named away; the only one is home"):
        read_kubeconfig([document()], "away")
    with pytest.raises(SettingsError, match="clusters: none is named c; there is none"):
        access(clusters=[])
    with pytest.raises(SettingsError, match="current-context: is missing") as caught:
        access(**{"current-context": None})
    assert "the only one is home" in caught.value.hint


def test_no_repr_shows_a_secret():
    run = {"apiVersion": V1, "command": "x", "args": [SECRET]}
    run["env"] = [{"name": "A", "value": SECRET}]
    pair = {"client-certificate-data": data("c"), "client-key-data": data(SECRET)}
    cluster = {"proxy-url": f"http://me:{SECRET}@proxy"}
    for user in ({"token": SECRET}, {"username": "a", "password": SECRET}, {"exec": run}, pair):
        assert SECRET not in repr(access(cluster, user))


class Places:
    """The places where an access may be found, all in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {}

    def config(self, name, server):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(yaml.safe_dump(document({"server": server}).value))
        return str(path)

    def pod(self):
        self.environment |= {
            "KUBERNETES_SERVICE_HOST": "10.0.0.1",
            "KUBERNETES_SERVICE_PORT": "443",
        }
        for name in ("token", "ca.crt"):
            (self.folder / name).write_text("x")

    def find(self, kubeconfig="", context=""):
        return find_access(kubeconfig, context, self.environment, self.folder, self.folder).server


@pytest.fixture
def places(tmp_path):
    return Places(tmp_path)


def test_the_named_file_goes_before_the_pod_before_kubeconfig_before_home(places):
    places.config(".kube/config", "https://home:1")
    assert places.find() == "https://home:1"
    places.environment["KUBECONFIG"] = ":" + places.config("env", "https://env:1")
    assert places.find() == "https://env:1"
    places.pod()
    assert places.find() == "https://10.0.0.1:443"
    assert places.find(places.config("named", "https://named:1")) == "https://named:1"


def test_a_context_is_looked_for_in_files_also_in_a_pod(places):
    places.pod()
    places.config(".kube/config", "https://home:1")
    assert places.find(context="home") == "https://home:1"


def test_kubeconfig_merges_the_files_that_are_there(places):
    files = [places.config("a", "https://a:1"), "/nowhere/x", places.config("b", "https://b:1")]
    places.environment["KUBECONFIG"] = ":".join(files)
    assert places.find() == "https://a:1"


def test_nothing_found_says_what_was_looked_for(places):
    with pytest.raises(SettingsError) as caught:
        places.find()
    for part in ("no API server is known", "no pod", ".kube/config", "KUBECONFIG is not set"):
        assert part in caught.value.message
    places.environment |= {"KUBECONFIG": "/nowhere/x", "KUBERNETES_SERVICE_HOST": "h"}
    with pytest.raises(SettingsError, match=r"no token of a service account, /nowhere/x is not"):
        places.find()


def test_a_named_file_that_is_missing_is_an_error_even_when_others_are_there(places):
    places.pod()
    with pytest.raises(SettingsError, match="there is no such kubeconfig"):
        places.find("/nowhere/config")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"a: 1\nusers: [*{SECRET}".encode(), "is not YAML in line 2"),
        (f"a: 1\ntoken: '{SECRET}".encode(), "is not YAML in line"),
        (b"\xff\xfe\xfa", "is not UTF-8"),
        (b"- a list", "the document: is not a mapping"),
    ],
)
def test_a_file_that_is_no_kubeconfig(places, content, said):
    path = places.folder / "bad"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=said) as caught:
        places.find(str(path))
    assert SECRET not in str(caught.value)
