package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The files of etcd below its directory: the store, the snapshots of Raft, and the log of what came after the store was
// written last.
const (
	etcdStore = "member/snap/db"
	etcdSnaps = "member/snap/*.snap"
	etcdLog   = "member/wal/*.wal"
)

// snapshotEtcd copies the content of etcd to a directory that must not exist. What is written meanwhile may be part of
// it.
func (cp *controlPlane) snapshotEtcd(dir string) error {
	if err := cp.etcd.snapshot(cp.etcdDir(), dir); err != nil {
		return fmt.Errorf("copy the content of etcd: %w", err)
	}
	return nil
}

// restoreEtcd restores the content of etcd from a snapshot and starts the API server again, so resource versions go
// back. Watches of clients begin again. Other components are not restarted: client-go needs up to 45 s until it
// lists again.
func (cp *controlPlane) restoreEtcd(ctx context.Context, snapshot string) error {
	if _, err := os.Stat(filepath.Join(snapshot, etcdStore)); err != nil {
		return fmt.Errorf("restore etcd from a snapshot: %w", err)
	}
	if err := cp.stopAPIServer(ctx); err != nil {
		return err
	}
	cp.etcd.stop()
	err := os.RemoveAll(cp.etcdDir())
	if err == nil {
		err = os.CopyFS(cp.etcdDir(), os.DirFS(snapshot))
	}
	if err == nil {
		err = private(cp.etcdDir())
	}
	if err != nil {
		return fmt.Errorf("restore etcd from a snapshot: %w", err)
	}
	etcd, err := startEtcd(ctx, cp.etcdDir(), cp.logPath("etcd"))
	if err != nil {
		return fmt.Errorf("start etcd (log %s): %w", cp.logPath("etcd"), err)
	}
	cp.etcd = etcd
	return cp.startAgain(ctx)
}

func (cp *controlPlane) etcdDir() string { return filepath.Join(cp.options.Dir, "data") }

// snapshot copies the store first: the log, which is copied last, has all that came after it, as it has after a crash.
func (e *etcdServer) snapshot(from, to string) (err error) {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, d := range []string{"member/snap", "member/wal"} {
		if err := os.MkdirAll(filepath.Join(to, d), 0o700); err != nil {
			return err
		}
	}
	store, err := os.OpenFile(filepath.Join(to, etcdStore), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	content := e.server.Server.Backend().Snapshot()
	defer content.Close()
	if _, err := content.WriteTo(store); err != nil {
		return err
	}
	for _, pattern := range []string{etcdSnaps, etcdLog} {
		files, err := filepath.Glob(filepath.Join(from, pattern))
		if err != nil {
			return err
		}
		for _, f := range files {
			name, err := filepath.Rel(from, f)
			if err == nil {
				err = copyFile(f, filepath.Join(to, name))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func copyFile(from, to string) (err error) {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	_, err = io.Copy(w, r)
	return err
}

// private takes the rights of others from directories, as etcd wants it.
func private(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
}
