package bucket

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"

	"faceproof"
)

// Head is a head as the store keeps it.
type Head struct{ Object, Note string }

// Heads gives every head of the store, in the order of sizes, and how many objects
// are marked as deleted; where the bucket keeps versions those of deleted and of
// overwritten objects are read too. An object under the prefix that is none of
// ours is CodeInvalid: somebody has been there. Other errors: CodeUnavailable.
func (b *Bucket) Heads(ctx context.Context) (heads []Head, deleted int, err error) {
	return b.list(ctx, minio.ListObjectsOptions{Prefix: b.prefix, Recursive: true, WithVersions: true})
}

// From gives the heads of trees of size records or more: what a log of that size
// must meet when it starts.
func (b *Bucket) From(ctx context.Context, size int64) (notes []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	heads, _, err := b.list(ctx, minio.ListObjectsOptions{Prefix: b.prefix, Recursive: true, StartAfter: b.object(max(size-1, 0))})
	for _, h := range heads {
		notes = append(notes, h.Note)
	}
	return notes, err
}

// list finds objects and reads them, some at once.
func (b *Bucket) list(ctx context.Context, o minio.ListObjectsOptions) (heads []Head, deleted int, err error) {
	type object struct{ name, version string }
	var found []object
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for x := range b.client.ListObjects(ctx, b.name, o) {
		switch {
		case x.Err != nil:
			return nil, 0, failed(x.Err)
		case x.IsDeleteMarker:
			deleted++
		case len(found) == maxHeads:
			return nil, 0, faceproof.Errorf(faceproof.CodeInvalid, b.String(), "has over %d heads", maxHeads)
		default:
			found = append(found, object{x.Key, x.VersionID})
		}
	}
	heads = make([]Head, len(found))
	failures := make([]error, len(found))
	next := make(chan int)
	var work sync.WaitGroup
	for range min(readers, len(found)) {
		work.Go(func() {
			for i := range next {
				heads[i].Object = found[i].name
				heads[i].Note, failures[i] = b.one(ctx, found[i].name, found[i].version)
			}
		})
	}
	for i := range found {
		next <- i
	}
	close(next)
	work.Wait()
	return heads, deleted, errors.Join(failures...)
}

// one reads an object and holds its name to what is in it.
func (b *Bucket) one(ctx context.Context, name, version string) (string, error) {
	note, err := b.read(ctx, name, version)
	if faceproof.ErrorCode(err) == faceproof.CodeInvalid {
		return "", err
	}
	if err != nil {
		return "", failed(err)
	}
	size, err := strconv.ParseInt(strings.TrimPrefix(name, b.prefix), 10, 64)
	if lines := strings.Split(note, "\n"); err != nil || name != b.object(size) || len(lines) < 5 || lines[1] != strconv.FormatInt(size, 10) {
		return "", faceproof.Errorf(faceproof.CodeInvalid, b.String()+"/"+name, "is no signed head of that many records; give the anchors a prefix of their own")
	}
	return note, nil
}
