package consolesource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

const (
	// healthLifetime is how long the health of a target group, or the failure to read it, is the answer.
	healthLifetime = 10 * time.Second
	// healthTimeout is how long an answer waits for the health of targets.
	healthTimeout = 5 * time.Second
	// healthReads is how many target groups an answer reads at once.
	healthReads = 4
)

func newHealth(d registrar.Describer, now func() time.Time) *cache.Cache[string, []explain.Target] {
	return cache.New(cache.Config[string, []explain.Target]{
		Now: now, Batch: 1, Lifetime: healthLifetime, FailureLifetime: func(error) time.Duration { return healthLifetime },
		Read: func(ctx context.Context, arns []string) (map[string][]explain.Target, error) {
			ctx = awsclient.WithCause(ctx, awsclient.Console)
			out := map[string][]explain.Target{}
			for _, arn := range arns {
				all, err := registrar.Describe(ctx, d, arn)
				if err != nil {
					return nil, err
				}
				found := []explain.Target{}
				for _, t := range all {
					found = append(found, explain.Target{ID: t.ID, Port: t.Port, Health: t.State, Reason: t.Reason})
				}
				out[arn] = found
			}
			return out, nil
		},
	})
}

// targets returns the targets of existing target groups with their health. The error names groups that could not be read.
func (s *Source) targets(ctx context.Context, o awsop.Observed) (map[string][]explain.Target, error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	out := map[string][]explain.Target{}
	var failed error
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, healthReads)
	for _, tg := range o.TargetGroups {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			var got map[string][]explain.Target
			err := ctx.Err() // while AWS hangs, no further reads begin
			if err == nil {
				got, err = s.health.Get(ctx, tg.ARN)
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, context.DeadlineExceeded):
				failed = cmp.Or(failed, fmt.Errorf("AWS did not answer for %s within %s", tg.Name, healthTimeout))
			case err != nil:
				failed = cmp.Or(failed, err)
			default:
				out[tg.ARN] = got[tg.ARN]
			}
		})
	}
	all.Wait()
	return out, failed
}
