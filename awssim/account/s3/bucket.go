// Package s3 is what a simulated account needs of S3: buckets from which bundles of certificates are read and to which
// logs are written, in memory or in a directory. The actions on objects are in awssim/s3. It imports only
// awssim/account/resource.
package s3

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// Buckets is what the account needs of S3: bundles of certificates are read from it, logs are written to it. A bucket
// is a folder of Directory, an object a file in it; what is put in without a directory stays in memory. It needs the
// account's lock. The zero value has no object, and takes logs for any bucket.
type Buckets struct {
	// Directory has a folder for each bucket; "" for none.
	Directory string
	// Logs is, by name, the prefixes under which a bucket's policy lets load balancers write their logs; a prefix covers
	// what is below it, the empty one everything. With a directory, its folders take any log as well. Nil without a
	// directory: any bucket takes any log.
	Logs map[string][]string

	made   map[string]bool   // buckets that Make made
	memory map[string][]byte // by bucket and key
}

// ErrNoObject is returned for a bucket or an object that does not exist.
var ErrNoObject = errors.New("there is no such object")

// ErrTooLarge is returned for an object that is larger than the caller takes.
var ErrTooLarge = errors.New("the object is too large")

// AllowLogs lets load balancers write logs to that bucket under that prefix. With a directory, the bucket's folder is
// made.
func (b *Buckets) AllowLogs(bucket, prefix string) error {
	if b.Logs == nil {
		b.Logs = map[string][]string{}
	}
	b.Logs[bucket] = append(b.Logs[bucket], prefix)
	return b.Make(bucket)
}

// Make makes a bucket, which may exist: with a directory, its folder.
func (b *Buckets) Make(bucket string) error {
	if !isBucketName(bucket) {
		return fmt.Errorf("%q is not the name of a bucket", bucket)
	}
	if b.Directory == "" {
		resource.Put(&b.made, bucket, true)
		return nil
	}
	root, err := os.OpenRoot(b.Directory)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", bucket, err)
	}
	defer func() { _ = root.Close() }()
	if err := root.MkdirAll(bucket, 0o755); err != nil {
		return fmt.Errorf("bucket %s: %w", bucket, err)
	}
	return nil
}

// Exists reports whether there is that bucket.
func (b *Buckets) Exists(bucket string) bool {
	if b.made[bucket] || len(b.Logs[bucket]) > 0 {
		return true
	}
	return b.hasFolder(bucket)
}

// hasFolder reports whether a bucket is a folder of the directory.
func (b *Buckets) hasFolder(bucket string) bool {
	if b.Directory == "" || !isBucketName(bucket) {
		return false
	}
	root, err := os.OpenRoot(b.Directory)
	if err != nil {
		return false
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(bucket)
	return err == nil && info.IsDir()
}

// TakesLogs reports whether load balancers can write logs to that bucket under that prefix.
func (b *Buckets) TakesLogs(bucket, prefix string) bool {
	if b.Logs == nil && b.Directory == "" {
		return true
	}
	if prefixes, ok := b.Logs[bucket]; ok {
		return slices.ContainsFunc(prefixes, func(allowed string) bool {
			return allowed == "" || prefix == allowed || strings.HasPrefix(prefix, allowed+"/")
		})
	}
	return b.hasFolder(bucket)
}

// Object is the content of an object. It fails with ErrNoObject, with ErrTooLarge for more than limit bytes, and for a
// file that cannot be read.
func (b *Buckets) Object(bucket, key string, limit int64) ([]byte, error) {
	if content, ok := b.memory[bucket+"/"+key]; ok {
		if int64(len(content)) > limit {
			return nil, ErrTooLarge
		}
		return slices.Clone(content), nil
	}
	if b.Directory == "" || !isBucketName(bucket) || !fs.ValidPath(key) {
		return nil, ErrNoObject
	}
	root, err := os.OpenRoot(b.Directory)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoObject, err)
	}
	defer func() { _ = root.Close() }()
	name := bucket + "/" + key
	info, err := root.Stat(name)
	switch {
	case err != nil || !info.Mode().IsRegular():
		return nil, ErrNoObject
	case info.Size() > limit:
		return nil, ErrTooLarge
	}
	content, err := root.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", name, err)
	}
	return content, nil
}

// Put writes an object: into the bucket's folder, which Put creates if it is missing, or into memory without a
// directory.
func (b *Buckets) Put(bucket, key string, content []byte) error {
	name := bucket + "/" + key
	if !isBucketName(bucket) || !fs.ValidPath(key) {
		return fmt.Errorf("object %q: a bucket's name and a key without empty steps are needed", name)
	}
	if b.Directory == "" {
		resource.Put(&b.made, bucket, true)
		resource.Put(&b.memory, name, slices.Clone(content))
		return nil
	}
	root, err := os.OpenRoot(b.Directory)
	if err != nil {
		return fmt.Errorf("object %s: %w", name, err)
	}
	defer func() { _ = root.Close() }()
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return fmt.Errorf("object %s: %w", name, err)
	}
	if err := root.WriteFile(name, content, 0o644); err != nil {
		return fmt.Errorf("object %s: %w", name, err)
	}
	return nil
}

// Delete deletes an object; one that does not exist is no error.
func (b *Buckets) Delete(bucket, key string) error {
	name := bucket + "/" + key
	delete(b.memory, name)
	if b.Directory == "" || !isBucketName(bucket) || !fs.ValidPath(key) {
		return nil
	}
	root, err := os.OpenRoot(b.Directory)
	if err != nil {
		return fmt.Errorf("object %s: %w", name, err)
	}
	defer func() { _ = root.Close() }()
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("object %s: %w", name, err)
	}
	return nil
}

// isBucketName reports whether a name can be a folder of its own.
func isBucketName(name string) bool {
	return fs.ValidPath(name) && name != "." && !strings.Contains(name, "/")
}
