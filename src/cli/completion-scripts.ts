import { allNodes, type CommandNode, type OptionNode } from './command-tree.ts';

/** Shells that there is a completion for. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What makes a shell complete `weir`: commands, options, and the values of those that have a list of them. */
export function completionScript(shell: Shell, tree: CommandNode): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](tree);
}

function bashScript(tree: CommandNode): string {
  const nodes = allNodes(tree);
  const words = (node: CommandNode) => [...commandNames(node), ...node.choices, ...optionNames(node)];
  const values = ({ value }: OptionNode) => {
    if (value === 'folder') return `COMPREPLY=($(compgen -d -- "$current")); return`;
    if (value === 'file') return `COMPREPLY=($(compgen -f -- "$current")); return`;
    if (value === undefined || value === 'any') return 'return';
    return `COMPREPLY=($(compgen -W ${quoted(value.join(' '))} -- "$current")); return`;
  };
  return `# Completion of weir for bash. To have it in each shell: weir completion bash > ~/.local/share/bash-completion/completions/weir
_weir() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command='' word words=''
  local -i at
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    case "$command $word" in
${wordCases(nodes, 'at+=1')}
    esac
  done
  COMPREPLY=()
  case "$command $previous" in
${valueCases(nodes, values)}
  esac
  case "$command" in
${nodes.map((node) => `    ${quoted(name(node))}) words=${quoted(words(node).join(' '))} ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _weir weir
`;
}

function zshScript(tree: CommandNode): string {
  const nodes = allNodes(tree);
  const values = ({ value }: OptionNode) => {
    if (value === 'folder') return '_files -/; return';
    if (value === 'file') return '_files; return';
    if (value === undefined || value === 'any') return 'return 1';
    return `compadd -- ${value.map(quoted).join(' ')}; return`;
  };
  const described = (node: CommandNode) =>
    [
      ...node.subcommands.map(({ path, description }) => [path.at(-1) ?? '', description] as const),
      ...node.choices.map((choice) => [choice, ''] as const),
      ...node.options.flatMap(({ names, description }) => names.map((each) => [each, description] as const)),
    ]
      .map(([word, text]) => `      ${quoted(`${word.replaceAll(':', '\\:')}:${text}`)}`)
      .join('\n');
  return `#compdef weir
# Completion of weir for zsh. To have it in each shell: weir completion zsh > a folder of $fpath, as _weir
_weir() {
  local command='' word
  local -i at
  local -a described
  for ((at = 2; at < CURRENT; at++)); do
    word=\${words[at]}
    case "$command $word" in
${wordCases(nodes, 'at+=1')}
    esac
  done
  case "$command \${words[CURRENT - 1]}" in
${valueCases(nodes, values)}
  esac
  case "$command" in
${nodes.map((node) => `    ${quoted(name(node))}) described=(\n${described(node)}\n    ) ;;`).join('\n')}
  esac
  [[ $PREFIX == -* ]] || described=(\${described:#-*})
  _describe -o weir described || _files
}
if [[ \${funcstack[1]} == _weir ]]; then _weir "$@"; else compdef _weir weir; fi
`;
}

function fishScript(tree: CommandNode): string {
  const nodes = allNodes(tree);
  const cases = wordsOf(nodes).map(([words, command]) =>
    command === undefined
      ? `      case ${words.map(fishQuoted).join(' ')}\n        set skip 1`
      : `      case ${words.map(fishQuoted).join(' ')}\n        set command ${fishQuoted(command)}`,
  );
  const lines: string[] = [];
  for (const node of nodes) {
    const when = `complete -c weir -n ${fishQuoted(`test "$(__weir_command)" = "${name(node)}"`)}`;
    for (const { path, description } of node.subcommands)
      lines.push(`${when} -f -a ${fishQuoted(path.at(-1) ?? '')} -d ${fishQuoted(description)}`);
    if (node.choices.length > 0) lines.push(`${when} -f -a ${fishQuoted(node.choices.join(' '))}`);
    for (const option of node.options)
      lines.push(`${when} ${fishOption(option)} -d ${fishQuoted(option.description)}`);
  }
  return `# Completion of weir for fish. To have it in each shell: weir completion fish > ~/.config/fish/completions/weir.fish
function __weir_command
  set -l command ''
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
      continue
    end
    switch "$command $word"
${cases.join('\n')}
    end
  end
  echo $command
end
${lines.join('\n')}
`;
}

function fishOption({ names, value }: OptionNode): string {
  const flags = names.map((each) => (each.startsWith('--') ? `-l ${each.slice(2)}` : `-s ${each.slice(1)}`));
  if (value === undefined) return flags.join(' ');
  if (value === 'folder') return `${flags.join(' ')} -x -a '(__fish_complete_directories)'`;
  if (value === 'file') return `${flags.join(' ')} -r`;
  return `${flags.join(' ')} -x${value === 'any' ? '' : ` -a ${fishQuoted(value.join(' '))}`}`;
}

/** How to see which command a line is about: after which words it is another one, and which words are followed by a value (undefined). */
function wordsOf(
  nodes: readonly CommandNode[],
): (readonly [words: readonly string[], command: string | undefined])[] {
  return nodes.flatMap((node) => {
    const own = name(node);
    const taking = node.options.filter(({ value }) => value !== undefined).flatMap(({ names }) => names);
    return [
      ...node.subcommands.map((each) => [[`${own} ${each.path.at(-1)}`], name(each)] as const),
      ...(taking.length > 0 ? [[taking.map((each) => `${own} ${each}`), undefined] as const] : []),
    ];
  });
}

function wordCases(nodes: readonly CommandNode[], skip: string): string {
  return wordsOf(nodes)
    .map(([words, command]) => {
      const patterns = words.map(quoted).join(' | ');
      return `      ${patterns}) ${command === undefined ? skip : `command=${quoted(command)}`} ;;`;
    })
    .join('\n');
}

/** What to offer after an option that takes a value. */
function valueCases(nodes: readonly CommandNode[], action: (option: OptionNode) => string): string {
  return nodes
    .flatMap((node) =>
      node.options
        .filter(({ value }) => value !== undefined)
        .map((option) => {
          const patterns = option.names.map((each) => quoted(`${name(node)} ${each}`)).join(' | ');
          return `    ${patterns}) ${action(option)} ;;`;
        }),
    )
    .join('\n');
}

function name({ path }: CommandNode): string {
  return path.join(' ');
}

function commandNames({ subcommands }: CommandNode): string[] {
  return subcommands.map(({ path }) => path.at(-1) ?? '');
}

function optionNames({ options }: CommandNode): string[] {
  return options.flatMap(({ names }) => names);
}

/** For bash and zsh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
}
