package controller

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
)

const (
	// workersConfigMap counts the processes that make server ids, as in existing installations.
	workersConfigMap = "quic-server-id-worker-tracker"
	nextWorkerKey    = "nextWorkerId"
	// workerTimeout bounds the way to a worker number, for which a request for a new pod waits.
	workerTimeout = 2 * time.Second
	// workerAttempts bounds how often a number is asked for that another replica takes first.
	workerAttempts = 5
)

// serverIDs makes the server ids of this process, which has a worker number of its own from the first id on. Replicas
// and restarts count on from one another in a ConfigMap. Where it cannot be read or written the number is a random one:
// with the time that is in each id, two ids are equal once in millions of pods that are created in the same
// millisecond, while a refusal would stop every rollout.
type serverIDs struct {
	reader client.Reader // of the API server
	writer client.Client
	at     types.NamespacedName
	now    func() time.Time
	random func(n int) int
	log    logr.Logger

	mu   sync.Mutex
	made *serverid.Generator
}

// newServerIDs makes one that counts in a namespace.
func newServerIDs(w *Wiring, namespace string) *serverIDs {
	return &serverIDs{reader: w.mgr.GetAPIReader(), writer: w.ownObjects(), at: types.NamespacedName{Namespace: namespace,
		Name: workersConfigMap},
		now: w.Now, random: rand.IntN, log: w.Log.WithName("webhook")}
}

// workersNamespace is the namespace of the ConfigMap: that of the controller, and where it is not known that of
// existing installations.
func workersNamespace(c *config.Config) string {
	namespace, err := ownNamespace(c.LeaderElectionNamespace)
	if err != nil {
		return metav1.NamespaceSystem
	}
	return namespace
}

// Next makes an id.
func (s *serverIDs) Next(ctx context.Context) serverid.ID {
	return s.generator(ctx).Next(s.now())
}

func (s *serverIDs) generator(ctx context.Context) *serverid.Generator {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made == nil {
		ctx, cancel := context.WithTimeout(ctx, workerTimeout)
		defer cancel()
		worker, err := s.worker(ctx)
		if err != nil {
			worker = uint32(s.random(serverid.Workers))
			s.log.Error(err, "cannot reserve a worker number for QUIC server ids; the controller uses a random one",
				"worker", worker)
		}
		s.made = serverid.NewGenerator(worker, s.random)
	}
	return s.made
}

// worker takes the next worker number.
func (s *serverIDs) worker(ctx context.Context) (worker uint32, err error) {
	for range workerAttempts {
		worker, err = s.takeWorker(ctx)
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			break
		}
	}
	if err != nil {
		return 0, fmt.Errorf("counting in ConfigMap %s: %w", s.at, err)
	}
	return worker, nil
}

// takeWorker takes the number that the ConfigMap has, and leaves the next one there. Conflicts are those of another
// process.
func (s *serverIDs) takeWorker(ctx context.Context) (uint32, error) {
	m := &corev1.ConfigMap{}
	err := s.reader.Get(ctx, s.at, m)
	exists := err == nil
	if client.IgnoreNotFound(err) != nil {
		return 0, err
	}
	worker := uint32(s.random(serverid.Workers))
	if n, err := strconv.ParseUint(m.Data[nextWorkerKey], 10, 32); err == nil && n < serverid.Workers {
		worker = uint32(n)
	} else if m.Data[nextWorkerKey] != "" {
		s.log.Info("notice: key "+nextWorkerKey+" of ConfigMap "+s.at.String()+
			" is not a worker number; a random one replaces it", "value", m.Data[nextWorkerKey])
	}
	if m.Data == nil {
		m.Data = map[string]string{}
	}
	m.Data[nextWorkerKey] = strconv.FormatUint(uint64(serverid.NextWorker(worker)), 10)
	if exists {
		return worker, s.writer.Update(ctx, m)
	}
	m.Namespace, m.Name = s.at.Namespace, s.at.Name
	return worker, s.writer.Create(ctx, m)
}
