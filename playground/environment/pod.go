package environment

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/playground/manifest"
	"github.com/k8s-lbc/lbc/playground/node"
	"github.com/k8s-lbc/lbc/playground/process"
)

// pods are those of the release's Deployment. Kubernetes' own controllers make them, and each runs the controller as a
// process.
type pods struct {
	applied bool          // the Deployment is in the cluster
	running chan struct{} // closed while the controller is to run
	args    []string      // of the present run, after all others
	crashed error         // how a replica ended that could not start
}

// start has pods run the controller, with further arguments.
func (p *pods) start(args []string) {
	p.args, p.crashed = args, nil
	if !p.runs() {
		close(p.running)
	}
}

// stop has no replica start before the next start.
func (p *pods) stop() {
	p.crashed = nil
	if p.runs() {
		p.running = make(chan struct{})
	}
}

func (p *pods) runs() bool {
	select {
	case <-p.running:
		return true
	default:
		return false
	}
}

// startRelease has the pods of the Deployment run the controller, with further arguments. The caller holds the lock.
func (e *Environment) startRelease(args []string) error {
	e.control.ready = "/readyz"
	p := &e.control.pods
	if !p.applied {
		client, err := manifest.NewClient(e.Cluster.Plane.AdminConfig())
		if err != nil {
			return err
		}
		if err := client.Apply(context.Background(), e.options.Release.deployment()); err != nil {
			return err
		}
		if err := e.record(context.Background(), nil); err != nil {
			return err
		}
		p.applied = true
	}
	p.start(args)
	return nil
}

// available reports why the Deployment is not rolled out.
func (e *Environment) available(ctx context.Context) error {
	d, err := e.installed(ctx)
	if err != nil {
		return err
	}
	s, want := d.Status, *d.Spec.Replicas
	if running := len(e.control.current()); s.ObservedGeneration < d.Generation || s.UpdatedReplicas != want ||
		s.AvailableReplicas != want || s.Replicas != want || running != int(want) {
		return fmt.Errorf("deployment %s: %d replicas, %d of the last version, %d available, %d processes, want %d", d.Name,
			s.Replicas, s.UpdatedReplicas, s.AvailableReplicas, running, want)
	}
	for _, r := range e.control.current() { // statuses may be those of processes that are gone
		if err := probe(ctx, "http://"+r.health+e.control.ready); err != nil {
			return err
		}
	}
	return nil
}

// launcher runs the pods of the release; nil without one.
func (e *Environment) launcher() node.Launcher {
	if e.options.Release == nil {
		return nil
	}
	return &launcher{env: e}
}

type launcher struct{ env *Environment }

// Runs implements node.Launcher.
func (l *launcher) Runs(pod *corev1.Pod, c corev1.Container) bool { return runsController(pod, c) }

// crashTime is how long a replica that ends by itself must have run to be started again at once; others wait as long
// first.
const crashTime = 10 * time.Second

// Launch implements node.Launcher.
func (l *launcher) Launch(ctx context.Context, pod *corev1.Pod, c corev1.Container, files map[string][]byte) (
	node.Program, error) {
	control := &l.env.control
	for {
		control.mu.Lock()
		running, crashed := control.pods.running, control.pods.crashed
		control.mu.Unlock()
		if crashed != nil {
			if err := sleep.For(ctx, crashTime); err != nil {
				return nil, err
			}
		}
		select {
		case <-running:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if p, err := l.start(pod, c, files); p != nil || err != nil {
			return p, err
		}
	}
}

// start starts the process of a pod; nil: the controller was stopped meanwhile. What a pod has of its own, addresses
// and the API server's, is replaced by that of a process.
func (l *launcher) start(pod *corev1.Pod, c corev1.Container, files map[string][]byte) (node.Program, error) {
	control := &l.env.control
	free, err := process.FreeAddresses(3)
	if err != nil {
		return nil, err
	}
	r := replica{health: free[0], metrics: free[1], webhook: free[2]}
	host, port, err := net.SplitHostPort(r.webhook)
	if err != nil {
		return nil, err
	}
	own := []string{"--webhook-bind-host=" + host, "--webhook-bind-port=" + port}
	mounted, err := l.write(pod, files)
	if err != nil {
		return nil, err
	}
	if dir, ok := mounted[defaultCertificates]; ok {
		own = append(own, "--webhook-cert-dir="+dir)
	}
	control.mu.Lock()
	defer control.mu.Unlock()
	if !control.pods.runs() {
		return nil, nil
	}
	taken := func(log string) bool {
		return slices.ContainsFunc(control.replicas, func(r replica) bool { return r.log == log })
	}
	r.log = "controller"
	for i := 2; taken(r.log); i++ {
		r.log = fmt.Sprintf("controller-%d", i)
	}
	r.env, r.account = podEnvironment(pod, c), pod.Spec.ServiceAccountName
	r, err = l.env.startReplica(r, node.Arguments(pod, c), append(own, control.pods.args...))
	if err != nil {
		return nil, err
	}
	p := &podProcess{launcher: l, pod: pod, replica: r, done: make(chan struct{})}
	go l.await(p, time.Now())
	return p, nil
}

// podEnvironment are the variables of a container but for those of AWS, which would lead elsewhere. The name of the
// host and the mounted namespace, by which a program finds its pod, are the machine's here, so that variables take
// their place.
func podEnvironment(pod *corev1.Pod, c corev1.Container) []string {
	out := []string{"POD_NAMESPACE=" + pod.Namespace}
	if !pod.Spec.HostNetwork {
		out = append(out, "POD_NAME="+pod.Name)
	}
	return append(out, slices.DeleteFunc(node.Environment(pod, c), func(v string) bool {
		return strings.HasPrefix(v, "AWS_")
	})...)
}

// await forgets the replica when it has ended, and notes whether it could not start.
func (l *launcher) await(p *podProcess, began time.Time) {
	defer close(p.done)
	<-p.replica.process.Done()
	err := p.replica.process.Err()
	control := &l.env.control
	control.mu.Lock()
	defer control.mu.Unlock()
	control.replicas = slices.DeleteFunc(control.replicas, func(r replica) bool { return r.process == p.replica.process })
	l.env.service.use(webhooksOf(control.replicas))
	if control.pods.crashed = nil; err != nil && time.Since(began) < crashTime {
		control.pods.crashed = err
	}
}

// defaultCertificates is the directory of the webhooks' certificate in the pods.
const defaultCertificates = "/tmp/k8s-webhook-server/serving-certs"

// write copies the files of a pod's volumes to this machine, and returns where each directory is.
func (l *launcher) write(pod *corev1.Pod, files map[string][]byte) (map[string]string, error) {
	dirs, volumes := map[string]string{}, map[string]map[string][]byte{}
	for name, content := range files {
		dir := filepath.Join(l.env.Dir, "pods", pod.Name, strings.TrimPrefix(filepath.Dir(name), "/"))
		dirs[filepath.Dir(name)] = dir
		if volumes[dir] == nil {
			volumes[dir] = map[string][]byte{}
		}
		volumes[dir][filepath.Base(name)] = content
	}
	for dir, content := range volumes {
		if err := writeVolume(dir, content); err != nil {
			return nil, fmt.Errorf("write the volumes of pod %s: %w", pod.Name, err)
		}
	}
	return dirs, nil
}

// webhooksOf are the webhooks of the replicas that are ready, which a Service would send requests to.
func webhooksOf(all []replica) (out []string) {
	for _, r := range all {
		if r.ready {
			out = append(out, r.webhook)
		}
	}
	return out
}

// podProcess is the process of a pod.
type podProcess struct {
	launcher *launcher
	pod      *corev1.Pod
	replica  replica
	done     chan struct{} // closed when the process has ended and is forgotten
}

// Shutdown implements node.Program.
func (p *podProcess) Shutdown(ctx context.Context) {
	p.replica.process.Stop(ctx)
	<-p.done
}

// Done implements node.Program.
func (p *podProcess) Done() <-chan struct{} { return p.done }

// Log implements node.Program.
func (p *podProcess) Log(ctx context.Context, follow bool, lines int) (io.ReadCloser, error) {
	return p.replica.process.Log(ctx, follow, lines)
}

// Mount implements node.Program.
func (p *podProcess) Mount(files map[string][]byte) error {
	_, err := p.launcher.write(p.pod, files)
	return err
}

// Ready implements node.Program.
func (p *podProcess) Ready(ctx context.Context) error {
	err := probe(ctx, "http://"+p.replica.health+"/readyz")
	if err != nil {
		return err
	}
	control := &p.launcher.env.control
	control.mu.Lock()
	defer control.mu.Unlock()
	for i, r := range control.replicas {
		if r.process == p.replica.process && !r.ready {
			control.replicas[i].ready = true
			p.launcher.env.service.use(webhooksOf(control.replicas))
		}
	}
	return nil
}
