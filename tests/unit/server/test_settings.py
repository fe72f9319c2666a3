from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from server.settings import FOREIGN, OLD_NAMES, Settings, SettingsError, load_settings, variable
from tests.unit.wounds import wounded

#: what TOML may hold, or what looks like it
ODD = (
    *("0", "-1", "1e400", "nan", "true", '""', '"x"', '"\\u0000"', "2025-10-01", "07:00:00", "0x10", "9" * 5000),
    *("[1]", "{a = 1}", "[" * 3000 + "]" * 3000, "{a = " * 3000, "", '"\\ud800"'),
)

GOOD = b'host = "0.0.0.0"\nport = 1\nlog_level = "debug"\nprice_files = \'x\'\nprice_actions = false\n'


def test_defaults_are_those_that_scripts_rely_on() -> None:
    settings = load_settings({})

    assert (settings.host, settings.port) == ("127.0.0.1", 50051)
    assert (settings.db, settings.configs, settings.data_dir) == (Path("data/jobs.db"), Path("configs"), Path("data"))
    assert settings.max_concurrent_jobs == 1


def test_environment_goes_before_the_file_and_arguments_before_both(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('host = "0.0.0.0"\nport = 1\nlog_level = "debug"\n')
    environment = {"AITRADER_SETTINGS": str(file), "AITRADER_PORT": "2", "AITRADER_HOST": "::1"}

    settings = load_settings(environment, port=3)

    assert (settings.log_level, settings.host, settings.port) == ("debug", "::1", 3)


def test_argument_that_was_not_given_changes_nothing() -> None:
    assert load_settings({"AITRADER_PORT": "2"}, port=None, host=None).port == 2


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_a_variable_and_a_description(name: str) -> None:
    assert Settings.model_fields[name].description
    assert variable(name) in {*OLD_NAMES, f"AITRADER_{name.upper()}"}


@pytest.mark.parametrize(("old", "name"), OLD_NAMES.items())
def test_name_of_earlier_versions_is_known(old: str, name: str) -> None:
    value = getattr(load_settings({old: "7"}), name)

    assert str(value.get_secret_value() if hasattr(value, "get_secret_value") else value) == "7"


def test_new_name_goes_before_the_old_one() -> None:
    settings = load_settings({"MAX_CONCURRENT_JOBS": "2", "AITRADER_MAX_CONCURRENT_JOBS": "3"})

    assert settings.max_concurrent_jobs == 3


@pytest.mark.parametrize("name", sorted(FOREIGN - {"AITRADER_SETTINGS"}))
def test_variables_of_others_are_left_alone(name: str) -> None:
    assert load_settings({name: "somewhere:1"}) == load_settings({})


def test_variables_without_our_prefix_are_left_alone() -> None:
    assert load_settings({"PORT": "1", "HOME": "/", "API_PORT": "8080"}) == load_settings({})


def test_empty_variable_counts_as_not_set() -> None:
    assert load_settings({"AITRADER_PORT": "", "MAX_CONCURRENT_JOBS": ""}) == load_settings({})


@pytest.mark.parametrize("key", ["AITRADER_PROT", "AITRADER_", "AITRADER_DB_PATH"])
def test_unknown_variable_is_refused_by_its_name(key: str) -> None:
    with pytest.raises(SettingsError, match=f"'{key}' is not a setting"):
        load_settings({key: "x"})


def test_unknown_key_of_the_file_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("prot = 1\n[server]\nhost = 'x'\n")

    with pytest.raises(SettingsError) as caught:
        load_settings({"AITRADER_SETTINGS": str(file)})

    assert "'prot' is not a setting" in str(caught.value)
    assert "'server' is not a setting" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("AITRADER_PORT", "many"),
        ("AITRADER_PORT", "70000"),
        ("AITRADER_MAX_CONCURRENT_JOBS", "0"),
        ("AITRADER_HEARTBEAT_SECONDS", "0"),
        ("AITRADER_HEARTBEAT_SECONDS", "nan"),
        ("AITRADER_SHUTDOWN_GRACE", "-1"),
        ("AITRADER_LOG_LEVEL", "loud"),
        ("AITRADER_LOG_FORMAT", "xml"),
    ],
)
def test_wrong_value_is_refused_by_its_name(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"setting '{key.removeprefix('AITRADER_').lower()}' is wrong"):
        load_settings({key: value})


def test_several_wrong_values_are_told_at_once() -> None:
    with pytest.raises(SettingsError, match=r"'port' is wrong.*'log_level' is wrong"):
        load_settings({"AITRADER_PORT": "x", "AITRADER_LOG_LEVEL": "loud"})


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe", b"[port"])
def test_file_that_is_not_toml_is_refused_by_its_path(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(content)

    with pytest.raises(SettingsError, match=r"settings file '.*settings.toml' could not be read"):
        load_settings({"AITRADER_SETTINGS": str(file)})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(
    content=st.builds("{} = {}".format, st.sampled_from(sorted(Settings.model_fields)), st.sampled_from(ODD)).map(
        str.encode
    )
    | wounded(GOOD)
    | st.binary(max_size=40)
)
@example(content=b"host = " + b"[" * 3000)
def test_whatever_the_file_holds_settings_come_out_or_one_kind_of_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(content)

    try:
        load_settings({"AITRADER_SETTINGS": str(file)})
    except SettingsError as error:
        told = str(error)
    else:
        return

    assert told.encode()
    assert any(place in told for place in ("setting '", "is not a setting", str(file)))


def test_file_that_is_not_there_is_refused_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="could not be read"):
        load_settings({"AITRADER_SETTINGS": str(tmp_path / "nothing.toml")})


def test_secrets_are_not_shown() -> None:
    settings = load_settings({"OPENAI_API_KEY": "sk-hidden", "JINA_API_KEY": "jina-hidden"})

    assert "hidden" not in repr(settings)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings({}).port = 1  # type: ignore[misc]
