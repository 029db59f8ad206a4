package webhook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFilesExistOnlyTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := Files{Dir: dir, Key: "private.pem"}
	for _, step := range []struct {
		file string
		want bool
	}{{"", false}, {"tls.crt", false}, {"tls.key", false}, {"private.pem", true}} {
		if step.file != "" {
			if err := os.WriteFile(filepath.Join(dir, step.file), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := f.Exist(); got != step.want {
			t.Errorf("with %q: %v", step.file, got)
		}
	}
	if f := (Files{}).Complete(); !strings.HasSuffix(f.Dir, filepath.Join("k8s-webhook-server", "serving-certs")) ||
		f.Cert != "tls.crt" || f.Key != "tls.key" {
		t.Errorf("%+v", f)
	}
}

func TestAuthoritiesOfClientsThatCannotBeUsedFailTheStart(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{empty: "Unable to append CA PEM to pool", empty + ".absent": "no such file",
		"": ""} {
		_, err := NewServer(ServerOptions{ClientCA: file})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", file, err, want)
		}
	}
}
