package main

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/playground/repository"
	"github.com/k8s-lbc/lbc/playground/state"
)

// ended are parts of which the controller ends at once and the cluster later.
type ended struct{ looks atomic.Int32 }

var errCluster = errors.New("etcd ended")

func (e *ended) ClusterFailed() error {
	if e.looks.Add(1) > 3 {
		return errCluster
	}
	return nil
}

func (*ended) ControllerFailed() error { return errors.New("signal: killed") }

func TestAControllerThatEndsDoesNotEndThePlayground(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := stay(t.Context(), &ended{}, &out, time.Millisecond); !errors.Is(err, errCluster) {
		t.Errorf("ended with %v, want the cluster's end", err)
	}
	if n := strings.Count(out.String(), "signal: killed"); n != 1 {
		t.Errorf("the controller's end is printed %d times: %s", n, out.String())
	}
}

// A lag at every read would refuse clients that AWS serves.
func TestReadsLagAsSeldomAsInAWSWithEveryProfile(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"instant", "fast", "real"} {
		o, err := (&launch{profile: profile, noController: true, replicas: 1}).options(state.Dir(t.TempDir()),
			repository.Root("../../.."))
		if err != nil || o.Profile.LagChance != account.DefaultLagChance {
			t.Errorf("%s: a chance of %v, %v", profile, o.Profile.LagChance, err)
		}
	}
}
