import pytest

from wbc.core.errors import UserError, exit_on_user_error


def ends(main):
    with pytest.raises(SystemExit) as end:
        exit_on_user_error(main)()
    return end.value.code


def test_a_users_mistake_is_a_message_and_status_1(capsys):
    def main():
        raise UserError("Asked for a, found b. Type c.")

    assert ends(main) == 1
    assert capsys.readouterr().err == "\nerror: Asked for a, found b. Type c.\n\n"


def test_a_missing_input_names_the_file_and_the_command(capsys):
    assert ends(lambda: open("data/no-manifest.csv")) == 1  # noqa: PTH123, SIM115
    printed = capsys.readouterr().err
    assert "data/no-manifest.csv is not there" in printed
    assert "dvc repro" in printed


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        exit_on_user_error(lambda: 1 / 0)()


def test_what_main_returns_comes_through():
    assert exit_on_user_error(lambda: 7)() == 7
