package page

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestThePageLoadsItsOwnFilesAndNothingElse(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(Handler())
	defer server.Close()
	for path, want := range map[string]string{"/": "text/html", "/app.js": "text/javascript", "/style.css": "text/css"} {
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), want) ||
			resp.Header.Get("Content-Security-Policy") != policy {
			t.Errorf("%s: %d, %v", path, resp.StatusCode, resp.Header)
		}
		if strings.Contains(string(body), "://") {
			t.Errorf("%s names another place: the page must work offline", path)
		}
	}
}

func TestOnlyBrowsersAreSentToThePage(t *testing.T) {
	t.Parallel()
	h := Front("/ui/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	for name, tt := range map[string]struct {
		method, target, accept, authorization string
		want                                  int
	}{
		"a browser":             {"GET", "/", browser, "", http.StatusFound},
		"a client of AWS":       {"POST", "/", "", "AWS4-HMAC-SHA256 …", http.StatusTeapot},
		"a signed GET":          {"GET", "/", browser, "AWS4-HMAC-SHA256 …", http.StatusTeapot},
		"a query":               {"GET", "/?Action=DescribeVpcs", browser, "", http.StatusTeapot},
		"a program":             {"GET", "/", "*/*", "", http.StatusTeapot},
		"a browser's other way": {"GET", "/2013-04-01/hostedzone", browser, "", http.StatusTeapot},
	} {
		r := httptest.NewRequest(tt.method, tt.target, nil)
		r.Header.Set("Accept", tt.accept)
		if tt.authorization != "" {
			r.Header.Set("Authorization", tt.authorization)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: %d, want %d", name, w.Code, tt.want)
		}
	}
}
