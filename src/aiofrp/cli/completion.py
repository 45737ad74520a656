"""``completion``: scripts that complete commands and flags in bash, zsh, fish and PowerShell.

The scripts hold the whole command tree, so that completing a word starts no Python. Each finds out the command
typed so far by walking the words; what may follow is looked up under that command's name. Written by hand: argcomplete
starts Python for every word, and shtab supports only the parsers of ``argparse``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from aiofrp.config.flags.parse import Command, Flag, Invocation, Path, all_flags, command_line

_DESCRIPTIONS = Flag("no-descriptions", "bool", "disable completion descriptions", default=False)


#: What is done with the script of each shell, once for all sessions.
_INSTALLED: Final = {
    "bash": "> /etc/bash_completion.d/{program}",
    "zsh": '> "${{fpath[1]}}/_{program}"',
    "fish": "> ~/.config/fish/completions/{program}.fish",
    "powershell": "| Out-String | Invoke-Expression",
}


def completion(program: str) -> Command:
    """The command ``completion`` of a program."""
    return Command(
        "completion",
        "Generate the autocompletion script for the specified shell",
        long=f"Generate the autocompletion script for {program} for the specified shell.\n"
        "See each sub-command's help for details on how to use the generated script.",
        commands=tuple(_shell(name, program) for name in _INSTALLED),
    )


def _shell(name: str, program: str) -> Command:
    install = f"{program} completion {name} {_INSTALLED[name].format(program=program)}"
    return Command(
        name,
        f"Generate the autocompletion script for {name}",
        run=f"aiofrp.cli.completion:{name}",
        flags=(_DESCRIPTIONS,),
        long=f"Generate the autocompletion script for the {name} shell.\n\n"
        f"To load completions for every new session, execute once:\n\n\t{install}",
        use="" if name == "bash" else " [flags]",
        wordless=True,
    )


def bash(invocation: Invocation) -> int:
    """``completion bash``: print the script for bash. Returns the exit code."""
    print(_filled(_BASH, invocation, _bash_case), end="")
    return 0


def zsh(invocation: Invocation) -> int:
    """``completion zsh``: print the script for zsh. Returns the exit code."""
    print(_filled(_ZSH, invocation, _zsh_case), end="")
    return 0


def fish(invocation: Invocation) -> int:
    """``completion fish``: print the script for fish. Returns the exit code."""
    print(_filled(_FISH, invocation, _fish_lines), end="")
    return 0


def powershell(invocation: Invocation) -> int:
    """``completion powershell``: print the script for PowerShell. Returns the exit code."""
    print(_filled(_POWERSHELL, invocation, _powershell_entry), end="")
    return 0


def _filled(script: str, invocation: Invocation, entry: Callable[[Path, bool], str]) -> str:
    """A script with an entry for each command of the tree."""
    root = invocation.path[0]
    described = not invocation.value("no-descriptions")
    below = [command_line(path) for path in _paths((root,)) if len(path) > 1]
    return (
        script.replace("@PROGRAM@", root.name)
        .replace("@BASH_COMMANDS@", "|".join(f'"{name}"' for name in below))
        .replace("@WORDS@", " ".join(f"'{name}'" for name in below))
        .replace("@LIST@", ", ".join(f"'{name}'" for name in below))
        .replace("@ENTRIES@", "".join(entry(path, described) for path in _paths((root,))))
    )


def _paths(path: Path) -> Iterator[Path]:
    yield path
    for command in path[-1].commands:
        yield from _paths((*path, command))


def _flags(path: Path) -> list[tuple[str, Flag]]:
    """Every spelling of every flag, as typed."""
    long = [(f"--{flag.name}", flag) for flag in all_flags(path)]
    return sorted([*long, *((f"-{flag.short}", flag) for flag in all_flags(path) if flag.short)])


def _quoted(text: str) -> str:
    """A text in the single quotes of a POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"


# bash

_BASH = """\
# bash completion for @PROGRAM@                                -*- shell-script -*-

_@PROGRAM@() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=@PROGRAM@ commands="" flags="" valued="" word
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case "$command $word" in
            @BASH_COMMANDS@) command="$command $word" ;;
        esac
    done
    case "$command" in
@ENTRIES@    esac
    case " $valued " in
        *" $before "*) COMPREPLY=(); return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$current"))
    else
        COMPREPLY=($(compgen -W "$commands" -- "$current"))
    fi
}

complete -o default -F _@PROGRAM@ @PROGRAM@
"""


def _bash_case(path: Path, described: bool) -> str:
    flags = " ".join(name for name, _ in _flags(path))
    valued = " ".join(name for name, flag in _flags(path) if not flag.takes.alone)
    commands = " ".join(command.name for command in path[-1].commands)
    return (
        f'        "{command_line(path)}")\n'
        f'            commands="{commands}"\n            flags="{flags}"\n            valued="{valued}" ;;\n'
    )


# zsh

_ZSH = """\
#compdef @PROGRAM@

_@PROGRAM@() {
    local command=@PROGRAM@ word
    local -a commands flags
    for word in "${(@)words[2,CURRENT-1]}"; do
        case "$command $word" in
            (@BASH_COMMANDS@) command="$command $word" ;;
        esac
    done
    case "$command" in
@ENTRIES@    esac
    if [[ $PREFIX == -* ]]; then
        _describe -o option flags
    else
        (( $#commands )) && _describe command commands
        _files
    fi
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _@PROGRAM@ "$@"
else
    compdef _@PROGRAM@ @PROGRAM@
fi
"""


def _zsh_case(path: Path, described: bool) -> str:
    commands = [_zsh_item(command.name, command.short, described) for command in path[-1].commands]
    flags = [_zsh_item(name, flag.help, described) for name, flag in _flags(path)]
    return (
        f'        ("{command_line(path)}")\n'
        f"            commands=({' '.join(commands)})\n"
        f"            flags=({' '.join(flags)}) ;;\n"
    )


def _zsh_item(name: str, text: str, described: bool) -> str:
    return _quoted(f"{name}:{text}" if described else name)


# fish

_FISH = """\
# fish completion for @PROGRAM@                                -*- shell-script -*-

function __@PROGRAM@_at --description 'Whether the command typed so far is this one'
    set -l command @PROGRAM@
    set -l words (commandline -opc)
    for word in $words[2..]
        if contains -- "$command $word" @WORDS@
            set command "$command $word"
        end
    end
    test "$command" = "$argv"
end

complete -c @PROGRAM@ -e
@ENTRIES@"""


def _fish_lines(path: Path, described: bool) -> str:
    begin = f"complete -c {path[0].name} -n '__{path[0].name}_at {command_line(path)}'"
    lines = [f"{begin} -f -a {c.name}{_fish_text(c.short, described)}" for c in path[-1].commands]
    for flag in sorted(all_flags(path), key=lambda flag: flag.name):
        short = f" -s {flag.short}" if flag.short else ""
        value = "" if flag.takes.alone else " -r"
        lines.append(f"{begin} -l {flag.name}{short}{value}{_fish_text(flag.help, described)}")
    return "".join(line + "\n" for line in lines)


def _fish_text(text: str, described: bool) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f" -d '{escaped}'" if described else ""


# PowerShell

_POWERSHELL = """\
# powershell completion for @PROGRAM@                          -*- shell-script -*-

Register-ArgumentCompleter -Native -CommandName '@PROGRAM@' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $known = @(@LIST@)
    $entries = @{
@ENTRIES@    }
    $command = '@PROGRAM@'
    foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
        $word = $element.Extent.Text
        if ($element.Extent.EndOffset -lt $cursorPosition -and $known -contains "$command $word") {
            $command = "$command $word"
        }
    }
    foreach ($entry in $entries[$command]) {
        if ($entry[0] -like "$wordToComplete*") {
            [System.Management.Automation.CompletionResult]::new($entry[0], $entry[0], 'ParameterValue', $entry[1])
        }
    }
}
"""


def _powershell_entry(path: Path, described: bool) -> str:
    commands = [(command.name, command.short) for command in path[-1].commands]
    flags = [(name, flag.help) for name, flag in _flags(path)]
    items = [f"@('{name}', '{_doubled(text if described else name)}')" for name, text in commands + flags]
    return f"        '{command_line(path)}' = @({', '.join(items)})\n"


def _doubled(text: str) -> str:
    return text.replace("'", "''")
