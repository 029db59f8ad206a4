package cleanup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

const ruleLabel = sgsync.Label

// The pauses between attempts at what AWS does not delete yet, as a security group whose network interfaces are on
// their way.
const (
	shortestPause = time.Second
	longestPause  = 10 * time.Second
	// timeout is how long a stack is tried. AWS takes minutes for the network interfaces of a load balancer; what
	// something else uses it keeps for good.
	timeout = 15 * time.Minute
)

var errTimeout = errors.New("AWS has not deleted all of it within " + timeout.String())

// Delete deletes a stack: it makes and executes plans until nothing is left. A final refusal ends it. Delete tries
// waiting steps again until ctx ends. You can interrupt and repeat it at any time, because each plan starts from
// what is left.
func (a *Account) Delete(ctx context.Context, key stack.Key, out io.Writer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer cancel()
	said := map[string]bool{}
	say := func(format string, values ...any) {
		if text := fmt.Sprintf(format, values...); !said[text] {
			said[text] = true
			fmt.Fprintln(out, text)
		}
	}
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		p, err := a.Plan(ctx, key)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if p.Empty() {
			say("%s: gone", key)
			return nil
		}
		if a.Bindings == nil {
			p = withoutBindings(p)
		}
		result := apply.Run(ctx, p, apply.Deps{Clients: a.Clients, Inventory: a.Inventory, Bindings: a.Writer})
		var refused []error
		waits := false
		for _, step := range p.Steps {
			switch o := result.Outcomes[step.ID]; o.State {
			case apply.Done:
				say("%s: %s", key, step.ID)
			case apply.Waiting:
				waits = true
				say("%s: %s waits for %s", key, step.ID, o.On)
			case apply.Failed, apply.Prevented:
				refused = append(refused, fmt.Errorf("%s: %s: %s", key, step.ID, o.Problem.Message()))
			case apply.Blocked:
			}
		}
		if len(refused) > 0 && !waits {
			return errors.Join(refused...)
		}
		if !waits { // the next plan shows whether anything is left
			pause = shortestPause
		}
		if sleep.For(ctx, pause) != nil {
			return fmt.Errorf("%s: run it again to delete the rest: %w", key, context.Cause(ctx))
		}
	}
}

// withoutBindings leaves out what is written to a cluster that no longer exists.
func withoutBindings(p plan.Plan) plan.Plan {
	kept := p
	kept.Steps = nil
	for _, s := range p.Steps {
		if s.Resource.Kind != stack.KindBinding {
			kept.Steps = append(kept.Steps, s)
		}
	}
	return kept
}
