// Package bench measures a load balancer controller's binary, ours or any other with the same flags: how many AWS
// calls, how much time and memory each step of a cluster's life costs, against the budget in bench/budget.yaml. It runs
// a Kubernetes API server without kubelets and a simulated AWS (or stands before another mock). It imports the packages
// of this module.
package bench

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/playground/cluster"
	"github.com/k8s-lbc/lbc/playground/process"
	"github.com/k8s-lbc/lbc/playground/repository"
	"github.com/k8s-lbc/lbc/playground/state"
)

// Options configure Run.
type Options struct {
	Dir            string // for data, certificates and logs/; it must exist
	Repo           repository.Root
	ControlPlane   []string // the command that runs the control plane: see controlplane.Options
	Controller     string   // the binary to measure
	ControllerArgs []string // further ones, which win over the usual ones
	// Endpoint is the base URL of an AWS mock; empty: a simulator of our own.
	Endpoint string
	// Account describes what the AWS mock holds; nil: the simulator's built-in account.
	Account *seed.File
	Rows    []string      // names of rows, "counts", "timed" or "compute"; empty: all
	Latency time.Duration // added to every AWS call in the timed rows
	Budget  Budget
	// Compute measures a row of kind compute, in seconds of processor time; nil: by the program beside this one.
	Compute func(ctx context.Context, row string) (float64, error)
	// Again, if not nil, decides by a result whether its row is to be measured once more, because something else may have
	// had the machine.
	Again func(Result) bool
	// Progress, if not nil, is called with what happens.
	Progress func(text string)
	// Timeout bounds each wait; 0: five minutes.
	Timeout time.Duration
}

// settled is how long nothing may happen before a step counts as over. Far longer than anything waits for a burst's
// end.
const settled = 1500 * time.Millisecond

// session is a running measurement.
type session struct {
	o        Options
	cluster  *cluster.Cluster
	endpoint *endpoint
	work     *workload
	control  *controller
	log      *os.File
	requests requestLog

	running bool                // the controller
	exist   map[*population]int // how many there are
	edits   int

	attributes int // that were changed
}

// Run measures the rows and returns them in the table's order. A failed row ends the measurement: the results before it
// are returned with the error.
func Run(ctx context.Context, o Options) (results []Result, err error) {
	chosen, err := choose(o.Rows)
	if err != nil {
		return nil, err
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Minute
	}
	if o.Compute == nil {
		o.Compute = computedBeside
		if _, err := computing(); err != nil && len(o.Rows) == 0 {
			o.Progress(fmt.Sprintf("rows of kind %s are not measured: %v", computeKind, err))
			chosen = slices.DeleteFunc(chosen, func(r row) bool { return r.kind == computeKind })
		}
	}
	s := &session{o: o, exist: map[*population]int{}, requests: requestLog{filepath.Join(o.Dir, "logs", "requests.log")}}
	defer s.close()
	for _, r := range chosen {
		if r.needsCluster() && s.cluster == nil {
			if err := s.open(ctx, addresses(chosen), nodes(chosen)); err != nil {
				return results, err
			}
		}
		o.Progress(r.name + ": " + r.help)
		for again := true; again; {
			result, err := s.run(ctx, r)
			if err != nil {
				return results, fmt.Errorf("row %s: %w", r.name, err)
			}
			result.judge(o.Budget)
			o.Progress("  " + result.line())
			if again = o.Again != nil && o.Again(result); !again {
				results = append(results, result)
			}
		}
	}
	return results, nil
}

// open starts cluster, AWS and nothing else, with addresses for so many pods and so many nodes at least.
func (s *session) open(ctx context.Context, pods, nodes int) (err error) {
	began := time.Now()
	if s.log, err = process.OpenLog(state.Dir(s.o.Dir).LogPath("simulator")); err != nil {
		return err
	}
	described := roomy(seed.Default(), pods, nodes)
	if s.o.Account != nil {
		described = *s.o.Account
	}
	if s.endpoint, err = startEndpoint(s.o.Endpoint, described,
		log.New(s.log, "", log.Ldate|log.Ltime|log.Lmicroseconds)); err != nil {
		return fmt.Errorf("start AWS: %w", err)
	}
	started, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	s.cluster, err = cluster.Start(started, cluster.Options{Dir: s.o.Dir, ControlPlane: s.o.ControlPlane,
		OnlyAPI: true, CRDs: s.o.Repo.CRDs(), Rights: s.o.Repo.Rights(), GatewayAPI: true,
		GlobalAccelerator: true, Requests: s.requests.path})
	if err != nil {
		return err
	}
	config := rest.CopyConfig(s.cluster.Plane.AdminConfig())
	s.work = &workload{nodes: described.Cluster.Nodes}
	if s.work.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	config.ContentType, config.AcceptContentTypes = "application/vnd.kubernetes.protobuf",
		"application/vnd.kubernetes.protobuf,application/json"
	if s.work.client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	if len(described.Cluster.Nodes) == 0 {
		return errors.New("the account file has no cluster nodes: add some under cluster.nodes")
	}
	if s.work.free, err = s.endpoint.assign(ctx, described, pods/len(described.Cluster.Nodes)+1); err != nil {
		return fmt.Errorf("assign addresses for pods: %w", err)
	}
	if err := s.work.start(ctx); err != nil {
		return fmt.Errorf("prepare the cluster: %w", err)
	}
	kubeconfig, err := s.cluster.Plane.ControllerKubeconfig()
	if err != nil {
		return err
	}
	s.control = &controller{
		path: s.o.Controller, dir: s.o.Dir, kubeconfig: kubeconfig, endpoint: s.endpoint.URL, args: s.o.ControllerArgs,
		seed: described,
	}
	s.o.Progress(fmt.Sprintf("started an API server and AWS in %.1f s; logs: %s", time.Since(began).Seconds(),
		filepath.Join(s.o.Dir, "logs")))
	return nil
}

func (s *session) close() {
	if s.control != nil {
		s.control.stop()
	}
	if s.work != nil {
		s.work.close()
	}
	if s.cluster != nil {
		s.cluster.Stop()
	}
	if s.endpoint != nil {
		s.endpoint.stop()
		if err := s.endpoint.Recorder.write(filepath.Join(s.o.Dir, "logs", "calls.log")); err != nil {
			s.o.Progress(err.Error()) // what was measured holds without it
		}
	}
	if s.log != nil {
		_ = s.log.Close()
	}
}
