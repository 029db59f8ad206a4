package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
)

// sleepAction knows whether the API server serves the sleep action of preStop hooks. A pod with that action would lose
// it at an older server, and be refused for a hook without action.
type sleepAction struct {
	read func(ctx context.Context) (version.Info, error) // the version of the API server
	now  func() time.Time
	log  logr.Logger

	mu     sync.Mutex
	served bool
	told   bool      // that it is not served
	next   time.Time // when to read again
}

const (
	// versionTimeout bounds the read of the version, for which a request for a new pod waits.
	versionTimeout = 2 * time.Second
	// upgradePause is the pause between reads of the version of a server without the action, which may be upgraded.
	upgradePause = 10 * time.Minute
)

// Served reports whether the action is served; it is not while the version cannot be read.
func (s *sleepAction) Served(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.served || s.now().Before(s.next) {
		return s.served
	}
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	v, err := s.read(ctx)
	if err != nil {
		s.next = s.now().Add(versionTimeout)
		s.log.Error(err, "the version of the API server cannot be read; new pods get no sleep before their end meanwhile")
		return false
	}
	s.served, s.next = drain.Served(v.Major, v.Minor), s.now().Add(upgradePause)
	if !s.served && !s.told {
		s.told = true
		s.log.Info("notice: namespace label " + drain.NamespaceLabel +
			" has no effect: the sleep action of preStop hooks needs Kubernetes 1.30, and the API server is " + v.GitVersion)
	}
	return s.served
}

// serverVersion reads the version of the API server.
func serverVersion(c rest.Interface) func(ctx context.Context) (version.Info, error) {
	return func(ctx context.Context) (v version.Info, err error) {
		body, err := c.Get().AbsPath("/version").DoRaw(ctx)
		if err == nil {
			err = json.Unmarshal(body, &v)
		}
		if err != nil {
			return v, fmt.Errorf("reading /version: %w", err)
		}
		return v, nil
	}
}
