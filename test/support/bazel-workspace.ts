// A workspace that needs nothing but a shell: results of every kind that a cache has to keep.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Actions that a build of everything takes, each of which a cache can answer. */
export const actionCount = 6;

/** What is in the results, under the names by which tests lose it. */
export const contents = {
  /** Of a file. */
  words: 'these are the words of the workspace\n'.repeat(3),
  /** Of a file larger than a batch and than a message. */
  large: Buffer.alloc(6_000_000, 'large '),
  /** Of a file that only a folder leads to. */
  inFolder: 'only the folder leads here\n',
  /** Of what the action that makes the folder prints. */
  printed: 'the folder is made\n',
};

const rules = `
def _folder(context):
    folder = context.actions.declare_directory(context.label.name)
    context.actions.run_shell(
        outputs = [folder],
        inputs = context.files.srcs,
        command = """
            mkdir -p {0}/deep/deeper
            cp {1} {0}/deep
            echo only the folder leads here > {0}/deep/deeper/file
            touch {0}/empty
            echo the folder is made
            echo so it is >&2
        """.format(folder.path, " ".join([file.path for file in context.files.srcs])),
        mnemonic = "Folder",
    )
    return [DefaultInfo(files = depset([folder]))]

folder = rule(implementation = _folder, attrs = {"srcs": attr.label_list(allow_files = True)})
`;

const targets = `
load(":rules.bzl", "folder")

genrule(name = "words", srcs = ["words.in"], outs = ["words.txt"], cmd = "cat $< $< $< > $@")

genrule(name = "large", outs = ["large.bin"], 
        cmd = "awk 'BEGIN { for (i = 0; i < 1000000; i++) printf \\"large \\" }' > $@")

genrule(name = "two", srcs = ["words.txt"], outs = ["empty", "count.txt"],
        cmd = "touch $(location empty); wc -c < $< > $(location count.txt)")

genrule(name = "program", outs = ["program.sh"], executable = True, cmd = "echo exit 0 > $@")

folder(name = "folder", srcs = ["words.txt", "large.bin"])

genrule(name = "listing", srcs = [":folder"], outs = ["listing.txt"], cmd = "ls -R $(location :folder)/deep > $@")
`;

/** Writes it; the same wherever it is written, so that every copy has the same actions. */
export async function writeWorkspace(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'WORKSPACE'), '');
  await writeFile(join(folder, 'rules.bzl'), rules);
  await writeFile(join(folder, 'BUILD'), targets);
  await writeFile(join(folder, 'words.in'), 'these are the words of the workspace\n');
}
