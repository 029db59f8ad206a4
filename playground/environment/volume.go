package environment

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// volumeData is the link of a volume to the directory with its present files.
const volumeData = "..data"

// writeVolume writes the files of a volume as a kubelet does, all at once: each is a link through volumeData, which is
// replaced by one that leads to the new files. Files that are as they were are left alone.
func writeVolume(dir string, files map[string][]byte) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	link := filepath.Join(dir, volumeData)
	former, err := os.Readlink(link)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if former != "" && sameFiles(link, files) {
		return nil
	}
	fresh, err := os.MkdirTemp(dir, "..*") // of mode 0700
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(fresh, name), content, 0o600); err != nil {
			return errors.Join(err, os.RemoveAll(fresh))
		}
	}
	err = os.Symlink(filepath.Base(fresh), fresh+".link")
	if err == nil {
		err = os.Rename(fresh+".link", link)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	if err := showFiles(dir, files); err != nil || former == "" {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, former))
}

// sameFiles reports whether a directory has these files and no others.
func sameFiles(dir string, files map[string][]byte) bool {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(files) {
		return false
	}
	for name, content := range files {
		if had, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(had, content) {
			return false
		}
	}
	return true
}

// showFiles has a volume show the names of its files, each a link, and no other names.
func showFiles(dir string, files map[string][]byte) error {
	for name := range files {
		if err := os.Symlink(filepath.Join(volumeData, name), filepath.Join(dir, name)); err != nil &&
			!errors.Is(err, os.ErrExist) {
			return err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, kept := files[e.Name()]; !kept && !strings.HasPrefix(e.Name(), "..") {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
