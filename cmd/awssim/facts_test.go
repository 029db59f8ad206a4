package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// runFacts runs awssim facts and returns what it prints and its exit status.
func runFacts(t *testing.T, args ...string) (out string, status int, err error) {
	t.Helper()
	var printed bytes.Buffer
	c := newCommand()
	c.SetArgs(append([]string{"facts"}, args...))
	c.SetOut(&printed)
	c.SetErr(io.Discard)
	if err = c.ExecuteContext(t.Context()); err != nil {
		status = exitStatus(err)
	}
	return printed.String(), status, err
}

func TestFactsRunInThisProcess(t *testing.T) {
	t.Parallel()
	out, status, err := runFacts(t, "--only", "^a listener has|FIXED RESPONSES: status,", "--region", "eu-west-1")
	if status != 0 || !strings.Contains(out,
		"in eu-west-1: 2 equal, 0 different, 0 cannot be checked") || !strings.Contains(out, "left: nothing") {
		t.Errorf("status %d, %v, printed\n%s", status, err, out)
	}
}

func TestFactsAsJSON(t *testing.T) {
	t.Parallel()
	out, status, err := runFacts(t, "--only", "^types$", "--json")
	var report struct{ Equal, Different int }
	if e := json.Unmarshal([]byte(out), &report); e != nil || status != 0 || report.Equal != 1 {
		t.Errorf("status %d, %v, %v, printed\n%s", status, err, e, out)
	}
}

// TestFactsCreateNothingWithoutConsent counts the calls of a simulator that is the endpoint.
func TestFactsCreateNothingWithoutConsent(t *testing.T) {
	t.Parallel()
	exports, stop := start(t)
	defer stop()
	url := exports["AWS_ENDPOINT_URL"]
	for _, tc := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--plan"}, 0, "network load balancer: 9"},
		{[]string{"--plan", "--yes", "--vpc", "vpc-0a1de000000000001", "--target", "10.0.128.9"}, 0,
			"uses VPC vpc-0a1de000000000001"},
		{[]string{"--plan", "--json"}, 0, `"publicIPv4Addresses": 2`},
		{nil, statusUsage, "application load balancer: 6"},
	} {
		out, status, err := runFacts(t, append(tc.args, "--endpoint", url, "--region", "us-west-2")...)
		if status != tc.status || !strings.Contains(out, tc.want) {
			t.Errorf("%q: status %d, %v, printed\n%s", tc.args, status, err, out)
		}
	}
	if made := creations(t, url); made != 0 {
		t.Errorf("%d calls created something", made)
	}
	out, status, err := runFacts(t, "--endpoint", url, "--region", "us-west-2", "--yes", "--only", "^unknown subnets$")
	if status != 0 || creations(t, url) == 0 {
		t.Errorf("with --yes: status %d, %v, printed\n%s", status, err, out)
	}
	if out, status, err := runFacts(t, "--endpoint", url, "--region", "us-west-2", "--clean", "0a1b2c3d"); status != 0 {
		t.Errorf("--clean: status %d, %v, printed\n%s", status, err, out)
	}
}

// creations is how many calls of a simulator had a name that begins with Create or Import.
func creations(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/_sim/calls", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(resp.Body)
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(content), `"Create`) + strings.Count(string(content), `"Import`)
}

func TestWrongUsageOfFactsHasStatusTwo(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--no-such-flag"},
		{"argument"},
		{"--only", "("},
		{"--only", "no fact has this text"},
		{"--clean", "all", "--endpoint", "aws"},
		{"--clean", "0a1b2c3d"},
		{"--endpoint", "ftp://x"},
		{"--vpc", "vpc-1"},
		{"--endpoint", "http://127.0.0.1:1", "--target", "10.0.0.1"},
		{"--endpoint", "http://127.0.0.1:1", "--region", "us-west-2", "--vpc", "vpc-1", "--target", "here", "--yes"},
	} {
		if out, status, err := runFacts(t, args...); status != statusUsage || err == nil {
			t.Errorf("%q: status %d, %v, printed\n%s", args, status, err, out)
		}
	}
}

// TestUnreachableEndpointEndsTheRun: no fact is reported about an endpoint to which nobody answers.
func TestUnreachableEndpointEndsTheRun(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>The security token "+
			"included in the request is invalid.</Message></Error></ErrorResponse>")
	}))
	t.Cleanup(refusing.Close)
	for url, want := range map[string]string{
		"http://127.0.0.1:1": "the endpoint does not answer: ",
		refusing.URL:         "the endpoint refuses the credentials: InvalidClientTokenId: ",
	} {
		for _, does := range [][]string{{"--yes"}, {"--clean", "0a1b2c3d"}} {
			out, status, err := runFacts(t, append(does, "--endpoint", url, "--region", "us-west-2")...)
			if status != 1 || err == nil || !strings.Contains(err.Error(), want) || out != "" {
				t.Errorf("%s %q: status %d, %v, printed\n%s", url, does, status, err, out)
			}
		}
	}
}

func TestFactsAreListed(t *testing.T) {
	t.Parallel()
	out, status, err := runFacts(t, "--list", "--only", "deletion protection")
	if status != 0 || out != "deletion protection\n" {
		t.Errorf("status %d, %v, printed\n%s", status, err, out)
	}
}
