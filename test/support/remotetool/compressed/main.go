// Moves blobs with the library that remotetool is made of, compressed: remotetool has no flag for that.
//
//	compressed [flags of remotetool's connection] upload FILE...
//	compressed [flags of remotetool's connection] download HASH/SIZE FILE [HASH/SIZE FILE]...
//
// Prints how many bytes of contents were moved, and how many bytes that took.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/bazelbuild/remote-apis-sdks/go/pkg/client"
	"github.com/bazelbuild/remote-apis-sdks/go/pkg/digest"
	"github.com/bazelbuild/remote-apis-sdks/go/pkg/flags"
	"github.com/bazelbuild/remote-apis-sdks/go/pkg/uploadinfo"
)

func main() {
	flag.Parse()
	if err := run(context.Background(), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("upload or download what?")
	}
	connection, err := flags.NewClientFromFlags(ctx, client.CompressedBytestreamThreshold(0))
	if err != nil {
		return err
	}
	defer connection.Close()
	if args[0] == "upload" {
		return upload(ctx, connection, args[1:])
	}
	return download(ctx, connection, args[1:])
}

func upload(ctx context.Context, connection *client.Client, paths []string) error {
	var contents int64
	var entries []*uploadinfo.Entry
	for _, path := range paths {
		name, err := digest.NewFromFile(path)
		if err != nil {
			return err
		}
		contents += name.Size
		entries = append(entries, uploadinfo.EntryFromFile(name, path))
	}
	missing, sent, err := connection.UploadIfMissing(ctx, entries...)
	if err != nil {
		return err
	}
	fmt.Printf("uploaded %d of %d blobs: %d bytes took %d\n", len(missing), len(paths), contents, sent)
	return nil
}

func download(ctx context.Context, connection *client.Client, pairs []string) error {
	outputs := map[digest.Digest]*client.TreeOutput{}
	for ; len(pairs) >= 2; pairs = pairs[2:] {
		name, err := digest.NewFromString(pairs[0])
		if err != nil {
			return err
		}
		outputs[name] = &client.TreeOutput{Digest: name, Path: pairs[1]}
	}
	moved, err := connection.DownloadFiles(ctx, "/", outputs)
	if err != nil {
		return err
	}
	fmt.Printf("downloaded %d blobs: %d bytes took %d\n", len(outputs), moved.LogicalMoved, moved.RealMoved)
	return nil
}
