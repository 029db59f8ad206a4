package awsclient_test

import (
	"context"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestACallThatMayNotWaitLongIsNotSentOutOfTurn(t *testing.T) {
	t.Parallel()
	ticks := clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	const perCall = time.Hour // so rare that the test cannot overtake it
	throttles := []awsclient.Throttle{{Service: awsclient.ServiceWAFv2, Operation: regexp.MustCompile("^AssociateWebACL"),
		Rate: 1 / perCall.Seconds(), Burst: 1}}
	limiter, associations := awsclient.NewLimiter(awsclient.LimiterOptions{Clock: ticks, Throttle: throttles}), 0
	associate := func(ctx context.Context) error {
		return limiter.Do(ctx, awsclient.ServiceWAFv2, "AssociateWebACL", func(context.Context) error {
			associations++
			return nil
		})
	}
	hurried := awsclient.WithMaxWait(t.Context(), time.Second)
	if err := associate(hurried); err != nil {
		t.Fatal(err)
	}
	// The next one may be sent an hour later.
	var err error
	done := make(chan error, 1)
	go func() { done <- associate(hurried) }()
	for err = nil; err == nil; {
		ticks.Advance(100 * time.Millisecond)
		select {
		case err = <-done:
			if err == nil {
				t.Fatal("it was sent")
			}
		case <-time.After(time.Millisecond):
		}
	}
	if !errors.Is(err, awsclient.ErrBusy) || awsclient.Classify(err).Class != diag.Throttled {
		t.Errorf("error %v", err)
	}
	ticks.Advance(2 * perCall)
	if err := associate(hurried); err != nil || associations != 2 {
		t.Errorf("error %v, %d associations", err, associations)
	}
}
