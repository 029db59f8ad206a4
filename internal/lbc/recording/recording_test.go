package recording

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
)

// doer answers with what it is made of.
type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"text/xml"}, "X-Amzn-Errortype": {"T"}},
		Body: io.NopCloser(strings.NewReader(body))}
}

func ask(t *testing.T, d sdkhttp.Doer, host, target, body string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+host+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=secret")
	res, err := d.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func TestWhatWasRecordedIsAnsweredAndNothingElse(t *testing.T) {
	t.Parallel()
	c := NewRecorder()
	live := c.Wrap(doer(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		switch text := string(body); text {
		case "Action=Slow":
			return answer(503, "slow down"), nil
		case "Action=Throttled":
			return answer(400, "<Code>Throttling</Code>"), nil
		case "Action=Cut":
			return nil, errors.New("cut off")
		case "Action=Denied":
			return answer(403, "denied"), nil
		default:
			return answer(200, "to "+r.Header.Get("X-Amz-Target")+" "+text), nil
		}
	}))
	for _, body := range []string{"Action=A", "Action=Slow", "Action=Throttled", "Action=Cut", "Action=Denied"} {
		_, _ = ask(t, live, "one.example.com", "", body)
	}
	if got, err := ask(t, live, "one.example.com", "Svc.List", "{}"); err != nil || got != "to Svc.List {}" {
		t.Errorf("what is recorded is not what is answered: %q, %v", got, err)
	}
	var file bytes.Buffer
	made := &Recording{Recording: Format, Made: "2026-01-01T00:00:00Z", Region: "r", VPC: "v", Cluster: "c",
		Exchanges: c.Exchanges()}
	if err := made.Write(&file); err != nil {
		t.Fatal(err)
	}
	if !Is(file.Bytes()) || Is([]byte("vpc: {id: x}")) || Is([]byte("{}")) {
		t.Error("recordings are not told from other files")
	}
	if strings.Contains(file.String(), "secret") {
		t.Error("the recording holds credentials")
	}
	r, err := Load(&file)
	if err != nil {
		t.Fatal(err)
	}
	replay := r.Replay(nil)
	for _, c := range []struct{ host, target, body, want string }{
		{"two.example.com", "", "Action=A", "to  Action=A"},
		{"two.example.com", "Svc.List", "{}", "to Svc.List {}"},
		{"one.example.com", "", "Action=Denied", "denied"},
	} {
		if got, err := ask(t, replay, c.host, c.target, c.body); err != nil || got != c.want {
			t.Errorf("%s %s: %q, %v", c.target, c.body, got, err)
		}
	}
	for _, c := range []struct{ target, body, want string }{
		{"", "Action=Slow", "the recording of 2026-01-01T00:00:00Z has no response to this Slow request"},
		{"", "Action=Throttled", "to this Throttled request"},
		{"", "Action=Cut", "to this Cut request"},
		{"Svc.List", `{"more":1}`, "to this List request"},
		{"", "", "to this POST / request"},
	} {
		if _, err := ask(t, replay, "one.example.com", c.target, c.body); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.target, c.body, err)
		}
	}
}

func TestARecordingOfAnotherFormatIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{`{"recording": 2}`: "record again", `{`: "reading the recording"} {
		if _, err := Load(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestTheOrderOfARecordingIsFixed(t *testing.T) {
	t.Parallel()
	var first string
	for range 10 {
		c := NewRecorder()
		d := c.Wrap(doer(func(*http.Request) (*http.Response, error) { return answer(200, "x"), nil }))
		for _, body := range []string{"Action=B", "Action=A", "Action=C"} {
			if _, err := ask(t, d, "x", "", body); err != nil {
				t.Fatal(err)
			}
		}
		var b bytes.Buffer
		if err := (&Recording{Recording: Format, Exchanges: c.Exchanges()}).Write(&b); err != nil {
			t.Fatal(err)
		}
		if first != "" && first != b.String() {
			t.Fatalf("%s\n%s", first, b.String())
		}
		first = b.String()
	}
}

func TestBinaryBodiesAreReplayedAsRecorded(t *testing.T) {
	t.Parallel()
	const binary = "\xa1cKey\x41\xff\x00"
	send := func(d sdkhttp.Doer, path, body string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://aws"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		return d.Do(r)
	}
	const path = "/service/Tags_2017/operation/GetResources"
	c := NewRecorder()
	live := c.Wrap(doer(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Smithy-Protocol": {"rpc-v2-cbor"}},
			Body: io.NopCloser(strings.NewReader("\xbf\xff" + binary))}, nil
	}))
	for _, body := range []string{binary, binaryPrefix} {
		if _, err := send(live, path, body); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if err := (&Recording{Recording: Format, Exchanges: c.Exchanges()}).Write(&file); err != nil {
		t.Fatal(err)
	}
	r, err := Load(&file)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{binary, binaryPrefix} {
		res, err := send(r.Replay(nil), path, body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		if err != nil || string(got) != "\xbf\xff"+binary || res.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" {
			t.Errorf("%q is answered %q with %v, %v", body, got, res.Header, err)
		}
	}
	if _, err := send(r.Replay(nil), path, "\xa0"); err == nil || !strings.Contains(err.Error(),
		"to this GetResources request") {
		t.Errorf("a request that is not recorded: %v", err)
	}
	text := `{"recording": 1, "exchanges": [{"answer": "` + binaryPrefix + `%"}]}`
	if _, err := Load(strings.NewReader(text)); err == nil {
		t.Error("base64 that is cut off is read")
	}
}
