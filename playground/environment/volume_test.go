package environment

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shown are the files of a volume that programs see.
func shown(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "..") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(content)
	}
	return out
}

func TestAVolumeShowsItsLatestFilesOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "volume")
	var former string
	for _, c := range []struct {
		files   map[string]string
		changed bool
	}{
		{map[string]string{"tls.crt": "1", "tls.key": "1"}, true},
		{map[string]string{"tls.crt": "1", "tls.key": "1"}, false},
		{map[string]string{"tls.crt": "2", "tls.key": "2"}, true},
		{map[string]string{"tls.crt": "2", "ca.crt": "2"}, true},
		{map[string]string{}, true},
	} {
		files := map[string][]byte{}
		for name, content := range c.files {
			files[name] = []byte(content)
		}
		if err := writeVolume(dir, files); err != nil {
			t.Fatal(err)
		}
		if got := shown(t, dir); !maps.Equal(got, c.files) {
			t.Errorf("the volume shows %v, want %v", got, c.files)
		}
		data, err := os.Readlink(filepath.Join(dir, volumeData))
		if err != nil || (data != former) != c.changed {
			t.Errorf("%v: the data is %s, formerly %s; %v", c.files, data, former, err)
		}
		former = data
		entries, err := filepath.Glob(filepath.Join(dir, "..*"))
		if err != nil || len(entries) != 2 {
			t.Errorf("%v: left are %v, %v", c.files, entries, err)
		}
	}
}
