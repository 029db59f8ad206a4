// Package startup lets the controller start with less than it needs. It repeats attempts until Region, VPC,
// credentials and the API server are available, follows what AWS and the API server refuse later, and shows each
// condition in the log, as an event and as a metric. It starts no controllers.
package startup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// tryTimeout bounds a request to the API server.
const tryTimeout = 10 * time.Second

// Server is the API server as the start sees it.
type Server struct {
	Conditions *impairment.Conditions
	Client     rest.Interface
	Host       string
	Rights     *Rights

	mu       sync.Mutex
	awaiting bool
}

// Reachable is nil if the API server answers and accepts the controller.
func (s *Server) Reachable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	return s.condition(s.Client.Get().AbsPath("/version").Do(ctx).Error())
}

// condition makes an error of a request the condition of the API server.
func (s *Server) condition(err error) error {
	if err == nil || apierrors.IsForbidden(err) { // which may be so for /version, and is an answer
		return nil
	}
	text := "the API server at " + s.Host + " does not answer: "
	switch {
	case apierrors.IsUnauthorized(err):
		text = "the API server at " + s.Host + " does not accept the controller's credentials: "
	case unanswered(err):
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the request, which differs
		}
	}
	return impairment.Condition{Reason: impairment.APIServer, Text: text + awsclient.SteadyText(err.Error()),
		Remedy: impairment.ReachServer}
}

// unanswered reports whether an error of a request to the API server is none of its answers.
func unanswered(err error) bool {
	var u *url.Error
	return errors.As(err, &u) || errors.Is(err, context.DeadlineExceeded)
}

// Mapper makes a mapper that knows some kinds, so that controllers can be set up without requests.
func (s *Server) Mapper(ctx context.Context, rc *rest.Config, client *http.Client, kinds []schema.GroupVersionKind) (
	meta.RESTMapper, error) {
	if err := s.Reachable(ctx); err != nil {
		return nil, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(rc, client)
	if err != nil {
		return nil, fmt.Errorf("reading the kinds of the API server: %w", err)
	}
	for _, k := range kinds {
		if _, err := mapper.RESTMapping(k.GroupKind(), k.Version); err != nil {
			return nil, impairment.Condition{Reason: impairment.APIServer, Text: "the API server at " + s.Host +
				" does not return its kinds: " + awsclient.SteadyText(err.Error()), Remedy: impairment.ReachServer}
		}
	}
	return mapper, nil
}

// WatchFailed takes the error of a list or watch of an informer, which tries again. Rights that are missing, and an API
// server that does not answer, are conditions; other errors are logged.
func (s *Server) WatchFailed(ctx context.Context, r *toolscache.Reflector, err error) {
	switch {
	case apierrors.IsForbidden(err):
		s.Rights.Missing(ctx, err)
	case unanswered(err), apierrors.IsUnauthorized(err):
		s.suspect(ctx)
	default:
		toolscache.DefaultWatchErrorHandler(ctx, r, err)
	}
}

// suspect looks whether the API server answers, until it does. A watch that an API server ended as it restarted shows
// nothing if the next request succeeds.
func (s *Server) suspect(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.awaiting || ctx.Err() != nil {
		return
	}
	s.awaiting = true
	go func() {
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.awaiting = false
		}()
		for failures := 1; ctx.Err() == nil; failures++ {
			err := s.Reachable(ctx)
			if err == nil {
				s.Conditions.Heal(impairment.APIServer)
				return
			}
			var c impairment.Condition
			if errors.As(err, &c) && ctx.Err() == nil {
				s.Conditions.Set(c)
			}
			_ = sleep.For(ctx, pauses.Pause(failures))
		}
	}()
}

// pauses are those between attempts.
var pauses = backoff.Policy{First: time.Second, Longest: 30 * time.Second}

// Await calls try until it succeeds, with pauses between. An error with a impairment.Condition is shown meanwhile, as
// one that blocks the start; of the other reasons that try may fail for, those before it are healed then. Another error
// is returned at once.
func Await(ctx context.Context, s *impairment.Conditions, reasons []impairment.Reason,
	try func(context.Context) error) error {
	for failures := 1; ; failures++ {
		err := try(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var c impairment.Condition
		if err != nil && !errors.As(err, &c) {
			return err
		}
		for _, r := range reasons {
			if r != c.Reason {
				s.Heal(r)
				continue
			}
			c.Blocks = true
			s.Set(c)
		}
		if err == nil {
			return nil
		}
		if err := sleep.For(ctx, pauses.Pause(failures)); err != nil {
			return err
		}
	}
}
