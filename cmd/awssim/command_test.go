package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
)

func TestTheCommandServesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"with a data plane": nil,
		"APIs only":         {"--no-data-plane", "--profile", "instant", "--region", "eu-central-1", "--latency", "1ms", "--throttle", "--iam", "--verify-signatures"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			out, in := io.Pipe()
			c := newCommand()
			c.SetArgs(append([]string{"--listen", "127.0.0.1:0"}, args...))
			c.SetOut(in)
			c.SetErr(io.Discard)
			done := make(chan error, 1)
			go func() {
				err := c.ExecuteContext(ctx)
				done <- err
				_ = in.CloseWithError(err) // ends the scan below if the command fails early
			}()
			exports := map[string]string{}
			lines := bufio.NewScanner(out)
			for exports["AWS_ACCESS_KEY_ID"] == "" && lines.Scan() {
				for _, word := range strings.Fields(lines.Text()) {
					if k, v, ok := strings.Cut(word, "="); ok {
						exports[k] = v
					}
				}
			}
			if err := lines.Err(); err != nil {
				t.Fatal(err)
			}
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			client := simclient.New(exports["AWS_ENDPOINT_URL"], &http.Client{Transport: transport})
			settings, err := client.Settings(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if settings.DataPlane != (args == nil) || (settings.DNS != "") != (args == nil) {
				t.Errorf("settings are %+v", settings)
			}
			if args != nil && (exports["AWS_REGION"] != "eu-central-1" || !settings.Throttle || settings.Latency != "1ms" || settings.Profile != "instant") {
				t.Errorf("exports are %v, settings %+v", exports, settings)
			}
			transport.CloseIdleConnections()
			stop()
			if err := <-done; err != nil {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

func TestAMistakeInTheFlagsIsNamed(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("acount: \"123456789012\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"profile":         {[]string{"--profile", "slow"}, "--profile"},
		"account missing": {[]string{"--account", bad + "x"}, "--account"},
		"account wrong":   {[]string{"--account", bad}, "acount"},
		"region":          {[]string{"--region", "mars"}, "--region"},
		"listen":          {[]string{"--listen", "nowhere", "--no-data-plane"}, "--listen"},
		"latency":         {[]string{"--latency", "-1s"}, "--latency"},
		"idp":             {[]string{"--idp", "0.0.0.0:4581"}, "--idp"},
		"arguments":       {[]string{"serve"}, "serve"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			c := newCommand()
			c.SetArgs(tt.args)
			c.SetOut(&out)
			c.SetErr(&out)
			if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error that names %s", err, tt.want)
			}
		})
	}
}
