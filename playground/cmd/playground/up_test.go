package main

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
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
		t.Errorf("the controller's end is told %d times: %s", n, out.String())
	}
}
