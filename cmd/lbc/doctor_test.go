package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDoctorRefusesWhatItDoesNotHave(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`there is no check "subnets"; there are `: {"--check", "subnets"},
		"must be text, json or yaml":              {"-o", "xml"},
		"--timeout 0s: must be more than 0":       {"--timeout", "0s"},
		"no cluster to examine: ":                 {"--kubeconfig", "/nonexistent"},
		`unknown command "now" for "lbc doctor"`:  {"now"},
	} {
		if _, _, err := lbc(t, "", append([]string{"doctor"}, args...)...); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestDoctorReportsAClusterThatDoesNotAdmitIt(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	config := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: \"" + server.URL +
		"\"}}]\ncontexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n"
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err := lbc(t, "", "doctor", "--kubeconfig", path, "--offline")
	//nolint:errorlint // a value
	if err == nil || err != exitInvalid || !strings.Contains(out, "error unreadable: api-server") ||
		!strings.Contains(out, "credentials of the kubeconfig are not valid") {
		t.Errorf("%v\n%s", err, out)
	}
	if strings.Contains(out, "unreadable: account") {
		t.Errorf("AWS is left out:\n%s", out)
	}
}
