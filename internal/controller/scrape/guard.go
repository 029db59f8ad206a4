// Package scrape restricts /metrics to clients that the API server authenticates and authorizes (--metrics-secure).
// controller-runtime has such a filter, which links the library of API servers; this one makes the same two reviews.
package scrape

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
)

// Path is the path that a client must be permitted to get.
const Path = "/metrics"

const (
	admittedFor   = time.Minute      // how long a token that was admitted is not reviewed again
	refusedFor    = 10 * time.Second // the same for one that was refused
	reviewTimeout = 10 * time.Second // how long the API server may take for both reviews
	mostTokens    = 1000             // how many decisions are kept
	mostReviews   = 4                // how many tokens are reviewed at the same time
	logPause      = time.Minute      // between two log lines about reviews that fail
	longestToken  = 16 << 10         // bytes; tokens of ServiceAccounts have some thousand
)

// Reviews asks the API server.
type Reviews interface {
	ReviewToken(ctx context.Context, r *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error)
	ReviewAccess(ctx context.Context, r *authorizationv1.SubjectAccessReview) (*authorizationv1.SubjectAccessReview, error)
}

// Guard decides by bearer token who may read metrics. Its decisions hold for a short time.
type Guard struct {
	reviews Reviews
	now     func() time.Time
	log     logr.Logger
	slots   chan struct{} // one for each review that is under way

	mu        sync.Mutex
	decisions map[[sha256.Size]byte]decision // by the hash of the token
	logged    time.Time
}

// decision is the status of a response, and until when it holds.
type decision struct {
	status int
	until  time.Time
}

// NewGuard makes a guard.
func NewGuard(reviews Reviews, now func() time.Time, log logr.Logger) *Guard {
	return &Guard{reviews: reviews, now: now, log: log, slots: make(chan struct{}, mostReviews),
		decisions: map[[sha256.Size]byte]decision{}}
}

// texts are the bodies of refusals.
var texts = map[int]string{
	http.StatusUnauthorized: "The API server does not know the bearer token. Send the token of a ServiceAccount.",
	http.StatusForbidden: "The owner of the bearer token may not read metrics. Bind it to a ClusterRole with " +
		"verb get of nonResourceURLs /metrics.",
	http.StatusMethodNotAllowed: "Metrics are read-only. Use GET.",
	http.StatusServiceUnavailable: "The API server did not review the bearer token. Try again; the log of the " +
		"controller has the reason.",
}

// Protect returns a handler that passes on the requests of clients who may read metrics.
func (g *Guard) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := g.decide(r)
		if status == http.StatusOK {
			next.ServeHTTP(w, r)
			return
		}
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		http.Error(w, texts[status], status)
	})
}

// decide returns the status of the response to a request; 200 admits it.
func (g *Guard) decide(r *http.Request) int {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return http.StatusMethodNotAllowed
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > longestToken {
		return http.StatusUnauthorized
	}
	hash := sha256.Sum256([]byte(token))
	if status := g.known(hash); status != 0 {
		return status
	}
	ctx, cancel := context.WithTimeout(r.Context(), reviewTimeout)
	defer cancel()
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
	case <-ctx.Done():
		return http.StatusServiceUnavailable
	}
	if status := g.known(hash); status != 0 { // another request had the same token
		return status
	}
	status := g.review(ctx, token)
	if status != http.StatusServiceUnavailable {
		g.keep(hash, status)
	}
	return status
}

// review asks the API server whose a token is, and whether its owner may get the path.
func (g *Guard) review(ctx context.Context, token string) int {
	t, err := g.reviews.ReviewToken(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{
		Token: token}})
	if err != nil {
		return g.failed(err)
	}
	if !t.Status.Authenticated {
		return http.StatusUnauthorized
	}
	user := t.Status.User
	extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for name, values := range user.Extra {
		extra[name] = authorizationv1.ExtraValue(values)
	}
	a, err := g.reviews.ReviewAccess(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user.Username, Groups: user.Groups, UID: user.UID, Extra: extra,
			NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: Path, Verb: "get"},
		}})
	if err != nil {
		return g.failed(err)
	}
	if !a.Status.Allowed {
		return http.StatusForbidden
	}
	return http.StatusOK
}

// failed logs now and then that the API server made no review, and why.
func (g *Guard) failed(err error) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.now(); now.Sub(g.logged) >= logPause {
		g.logged = now
		g.log.Error(err, "the API server did not review a client of /metrics, which got no metrics",
			"remedy", "the controller's ServiceAccount needs the right to create TokenReviews and SubjectAccessReviews")
	}
	return http.StatusServiceUnavailable
}

// known is the status that was decided for a token; 0 if none holds.
func (g *Guard) known(hash [sha256.Size]byte) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if d := g.decisions[hash]; g.now().Before(d.until) {
		return d.status
	}
	return 0
}

// keep keeps a decision. If there are too many, those that do not hold any longer go, then all refusals.
func (g *Guard) keep(hash [sha256.Size]byte, status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, lasts := g.now(), refusedFor
	if status == http.StatusOK {
		lasts = admittedFor
	}
	if len(g.decisions) >= mostTokens {
		for h, d := range g.decisions {
			if d.status != http.StatusOK || !now.Before(d.until) {
				delete(g.decisions, h)
			}
		}
	}
	if len(g.decisions) < mostTokens {
		g.decisions[hash] = decision{status: status, until: now.Add(lasts)}
	}
}
