package scrape

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// apiServer knows the tokens "reader" and "other", and permits the former to get metrics.
type apiServer struct {
	mu      sync.Mutex
	down    bool
	revoked bool // reader may not get metrics
	tokens  int  // reviews
	access  []authorizationv1.SubjectAccessReviewSpec
	block   chan struct{} // reviews of tokens wait for it; nil: they do not
}

func (a *apiServer) ReviewToken(ctx context.Context, r *authenticationv1.TokenReview) (*authenticationv1.TokenReview,
	error) {
	a.mu.Lock()
	a.tokens++
	down, block := a.down, a.block
	a.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if down {
		return nil, errors.New("no connection")
	}
	out := r.DeepCopy()
	if r.Spec.Token == "reader" || r.Spec.Token == "other" {
		out.Status.Authenticated = true
		out.Status.User = authenticationv1.UserInfo{Username: r.Spec.Token, UID: "u1", Groups: []string{"g1"},
			Extra: map[string]authenticationv1.ExtraValue{"pod": {"p1"}}}
	}
	return out, nil
}

func (a *apiServer) ReviewAccess(_ context.Context, r *authorizationv1.SubjectAccessReview) (
	*authorizationv1.SubjectAccessReview, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.access = append(a.access, r.Spec)
	out := r.DeepCopy()
	out.Status.Allowed = r.Spec.User == "reader" && !a.revoked
	return out, nil
}

// lab is a guard of a page, with a clock.
type lab struct {
	api   *apiServer
	guard *Guard
	now   time.Time
	lines []string // of the log
}

func newLab() *lab {
	l := &lab{api: &apiServer{}, now: time.Unix(1e9, 0)}
	l.guard = NewGuard(l.api, func() time.Time {
		return l.now
	}, funcr.New(func(_, text string) { l.lines = append(l.lines, text) }, funcr.Options{}))
	return l
}

func (l *lab) request(t *testing.T, method, authorization string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, Path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	l.guard.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("page")) })).
		ServeHTTP(w, r)
	return w
}

func TestOnlyPermittedTokensReadThePage(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		method, authorization string
		want                  int
	}{
		{"GET", "", 401},
		{"GET", "Bearer", 401},
		{"GET", "Bearer ", 401},
		{"GET", "Basic reader", 401},
		{"GET", "reader", 401},
		{"GET", "Bearer stranger", 401},
		{"GET", "Bearer " + strings.Repeat("x", longestToken+1), 401},
		{"GET", "Bearer other", 403},
		{"HEAD", "Bearer other", 403},
		{"POST", "Bearer reader", 405},
		{"GET", "Bearer reader", 200},
		{"GET", "bearer  reader", 200},
		{"HEAD", "Bearer reader", 200},
	} {
		w := newLab().request(t, tc.method, tc.authorization)
		if w.Code != tc.want || (w.Body.String() == "page") != (tc.want == 200) ||
			(w.Header().Get("WWW-Authenticate") == "Bearer") != (tc.want == 401) {
			t.Errorf("%s, %.40q: %d %q %v, want %d", tc.method, tc.authorization, w.Code, w.Body, w.Header(), tc.want)
		}
	}
}

func TestAccessIsReviewedForTheWholeSubject(t *testing.T) {
	t.Parallel()
	l := newLab()
	l.request(t, "HEAD", "Bearer reader")
	got := fmt.Sprintf("%+v %+v", l.api.access[0], *l.api.access[0].NonResourceAttributes)
	for _, want := range []string{"User:reader", "Groups:[g1]", "UID:u1", "Extra:map[pod:[p1]]",
		"{Path:/metrics Verb:get}"} {
		if !strings.Contains(got, want) {
			t.Errorf("the review lacks %s: %s", want, got)
		}
	}
}

func TestDecisionsHoldForAShortTime(t *testing.T) {
	t.Parallel()
	l := newLab()
	for range 3 {
		l.request(t, "GET", "Bearer reader")
		l.request(t, "GET", "Bearer stranger")
	}
	if l.api.tokens != 2 {
		t.Errorf("%d reviews of two tokens", l.api.tokens)
	}
	l.api.revoked = true
	l.now = l.now.Add(admittedFor - 1)
	if w := l.request(t, "GET", "Bearer reader"); w.Code != 200 {
		t.Errorf("within the time of a decision: %d", w.Code)
	}
	l.now = l.now.Add(1)
	if w := l.request(t, "GET", "Bearer reader"); w.Code != 403 {
		t.Errorf("the right is withdrawn: %d", w.Code)
	}
	l.api.revoked = false
	l.now = l.now.Add(refusedFor)
	if w := l.request(t, "GET", "Bearer reader"); w.Code != 200 {
		t.Errorf("the right is back: %d", w.Code)
	}
}

// TestOutagesAdmitNobodyNew shows that a silent API server admits no unknown token, and that the refusal is not kept.
func TestOutagesAdmitNobodyNew(t *testing.T) {
	t.Parallel()
	l := newLab()
	l.request(t, "GET", "Bearer reader")
	l.api.down = true
	if w := l.request(t, "GET", "Bearer reader"); w.Code != 200 {
		t.Errorf("a token that was just admitted: %d", w.Code)
	}
	l.now = l.now.Add(admittedFor)
	if w := l.request(t, "GET", "Bearer reader"); w.Code != 503 {
		t.Errorf("during the outage: %d", w.Code)
	}
	l.request(t, "GET", "Bearer reader")
	if len(l.lines) != 1 || !strings.Contains(l.lines[0], "no connection") {
		t.Errorf("the log has %q", l.lines)
	}
	l.api.down = false
	if w := l.request(t, "GET", "Bearer reader"); w.Code != 200 {
		t.Errorf("after the outage: %d", w.Code)
	}
}

// TestManyTokensAreForgotten shows that guesses neither fill the memory nor push out who was admitted.
func TestManyTokensAreForgotten(t *testing.T) {
	t.Parallel()
	l := newLab()
	l.request(t, "GET", "Bearer reader")
	for n := range 3 * mostTokens {
		l.request(t, "GET", fmt.Sprint("Bearer guess", n))
	}
	if len(l.guard.decisions) > mostTokens {
		t.Errorf("%d decisions are kept", len(l.guard.decisions))
	}
	before := l.api.tokens
	if l.request(t, "GET", "Bearer reader"); l.api.tokens != before {
		t.Error("the token that was admitted is reviewed again")
	}
}

func TestFewTokensAreReviewedAtOnce(t *testing.T) {
	t.Parallel()
	l := newLab()
	l.api.block = make(chan struct{})
	var all sync.WaitGroup
	for n := range 5 * mostReviews {
		all.Go(func() { l.request(t, "GET", fmt.Sprint("Bearer guess", n)) })
	}
	await.Equal(t, "reviews at once", l.count, mostReviews)
	await.Pause(50 * time.Millisecond)
	if n := l.count(); n != mostReviews {
		t.Errorf("%d reviews at once", n)
	}
	close(l.api.block)
	all.Wait()
	if n := l.count(); n != 5*mostReviews {
		t.Errorf("%d reviews in the end", n)
	}
}

func (l *lab) count() int {
	l.api.mu.Lock()
	defer l.api.mu.Unlock()
	return l.api.tokens
}
