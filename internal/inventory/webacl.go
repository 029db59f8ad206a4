package inventory

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
)

// errSlow is told while the web ACLs are still being listed.
var errSlow = diag.New(diag.Object{}, "", diag.AWSUnavailable, "AWS WAF has not answered yet", "nothing to do: the controller looks again")

// webACLs lists the web ACLs; a pass does not wait longer than patience for them.
func (a *answer) webACLs(ctx context.Context) error {
	i := a.i
	type result struct {
		names map[string]string
		err   error
	}
	done := make(chan result, 1)
	go func() {
		names, err := i.allWebACLs.Get(ctx)
		done <- result{names, err}
	}()
	timer := time.NewTimer(i.cfg.Patience)
	defer timer.Stop()
	select {
	case r := <-done:
		if r.err != nil {
			return cloud.Problem("ListWebACLs", r.err)
		}
		a.set(func(f *facts.Facts) { f.WebACLs = r.names })
		return nil
	case <-timer.C:
		return errSlow
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (i *Inventory) listWebACLs(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	in := &wafv2.ListWebACLsInput{Scope: waftypes.ScopeRegional, Limit: aws.Int32(100)}
	for {
		page, err := i.clients.WAFv2.ListWebACLs(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("listing web ACLs: %w", err)
		}
		for _, w := range page.WebACLs {
			out[aws.ToString(w.Name)] = aws.ToString(w.ARN)
		}
		if aws.ToString(page.NextMarker) == "" || len(page.WebACLs) == 0 { // a full last page has a marker too
			return out, nil
		}
		in.NextMarker = page.NextMarker
	}
}
