package controller

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/version"
)

func TestTheSleepActionIsServedOnceTheAPIServerIsNewEnough(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var reads, told int
	server, failure := version.Info{Major: "1", Minor: "29"}, errors.New("timeout")
	s := &sleepAction{
		read: func(context.Context) (version.Info, error) { reads++; return server, failure },
		now:  func() time.Time { return now },
		log:  funcr.New(func(_, _ string) { told++ }, funcr.Options{}),
	}
	for i, step := range []struct {
		after       time.Duration
		minor       string
		failure     error
		served      bool
		reads, told int
	}{
		{0, "29", failure, false, 1, 1},
		{time.Second, "29", nil, false, 1, 1}, // a moment after a failure
		{3 * time.Second, "29", nil, false, 2, 2},
		{time.Minute, "30", nil, false, 2, 2},
		{10 * time.Minute, "29+", nil, false, 3, 2}, // told once
		{10 * time.Minute, "30+", nil, true, 4, 2},
		{time.Hour, "29", failure, true, 4, 2},
	} {
		now = now.Add(step.after)
		server.Minor, failure = step.minor, step.failure
		if got := s.Served(t.Context()); got != step.served || reads != step.reads || told != step.told {
			t.Errorf("step %d: %t after %d reads, told %d times", i, got, reads, told)
		}
	}
}
