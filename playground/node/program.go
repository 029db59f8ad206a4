package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Program is a real program that runs as a container of a pod.
type Program interface {
	// Shutdown has the program end; at the end of ctx it is killed. It returns when the program has ended.
	Shutdown(ctx context.Context)
	// Done is closed when the program has ended.
	Done() <-chan struct{}
	// Ready is the answer to a readiness probe.
	Ready(ctx context.Context) error
	// Log is what the program has written, from its last lines on; all of it with a negative number. With follow, reading
	// waits for more until the program or ctx ends.
	Log(ctx context.Context, follow bool, lines int) (io.ReadCloser, error)
	// Mount replaces the files of its volumes.
	Mount(files map[string][]byte) error
}

// Launcher runs programs in place of stand-ins.
type Launcher interface {
	// Runs reports whether the container is one of its programs.
	Runs(pod *corev1.Pod, container corev1.Container) bool
	// Launch starts the program of a container with the files of its volumes, by their paths in the container. It returns
	// when it may start: one that crashed a moment ago waits.
	Launch(ctx context.Context, pod *corev1.Pod, container corev1.Container, files map[string][]byte) (Program, error)
}

// Environment are the variables of a container, as programs get them. Those of Secrets and ConfigMaps are left out.
func Environment(pod *corev1.Pod, c corev1.Container) []string {
	var out []string
	values := variables(pod, c)
	for _, v := range c.Env {
		if value, known := values[v.Name]; known {
			out = append(out, v.Name+"="+value)
		}
	}
	return out
}

// Arguments are the arguments of a container, as programs get them.
func Arguments(pod *corev1.Pod, c corev1.Container) []string { return expanded(pod, c, c.Args) }

// launched is the program of a container, which is started again whenever it ends.
type launched struct {
	launch func(context.Context) (Program, error)
	cancel context.CancelFunc

	mu       sync.Mutex
	files    mounted
	program  Program // nil: it waits to be started
	previous Program // that ended before
	stopped  bool
	started  metav1.Time
	restarts int32
	last     *corev1.ContainerStateTerminated
}

// errEnded is the result of a probe of a program that has ended.
var errEnded = errors.New("the program has ended")

// launchAll prepares the programs of the pod's containers, and supervises each of them until ctx ends.
func (w *worker) launchAll(ctx context.Context, files mounted, results chan<- result, running *sync.WaitGroup) {
	launcher := w.fleet.options.Launcher
	if launcher == nil {
		return
	}
	pod := w.current()
	for i, c := range pod.Spec.Containers {
		if !launcher.Runs(pod, c) {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		p := &launched{cancel: cancel, files: files}
		p.launch = func(ctx context.Context) (Program, error) { return launcher.Launch(ctx, pod, c, p.mounted()) }
		w.mu.Lock()
		w.programs[i] = p
		w.mu.Unlock()
		w.servers = append(w.servers, p)
		running.Go(func() {
			defer cancel()
			if err := p.supervise(ctx, results, i); err != nil && ctx.Err() == nil {
				w.fleet.options.Logf("pod %s/%s: container %s: %v", pod.Namespace, pod.Name, c.Name, err)
			}
		})
	}
}

// supervise starts the program, and again whenever it has ended.
func (p *launched) supervise(ctx context.Context, results chan<- result, container int) error {
	for {
		program, err := p.launch(ctx)
		if err != nil {
			return fmt.Errorf("start the program: %w", err)
		}
		if !p.begin(program) {
			over, cancel := context.WithCancel(context.Background())
			cancel()
			program.Shutdown(over)
			return nil
		}
		<-program.Done()
		if p.end() {
			return nil
		}
		select {
		case results <- result{container: container, err: errEnded}:
		case <-ctx.Done():
			return nil
		}
	}
}

// begin notes the start of the program; false: it is not wanted any more.
func (p *launched) begin(program Program) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	if p.last != nil {
		p.restarts++
	}
	p.program, p.started = program, metav1.Now()
	return true
}

// end notes the end of the program, and reports whether it was the last one.
func (p *launched) end() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.previous, p.program = p.program, nil
	p.last = &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1, StartedAt: p.started, FinishedAt: metav1.Now()}
	return p.stopped
}

// mounted are the files of its volumes.
func (p *launched) mounted() mounted {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.files
}

// mount replaces the files of its volumes, for the program that runs and for later ones.
func (p *launched) mount(files mounted) error {
	p.mu.Lock()
	program := p.program
	p.files = files
	p.mu.Unlock()
	if program == nil {
		return nil
	}
	return program.Mount(files)
}

// Shutdown implements standin.Server.
func (p *launched) Shutdown(ctx context.Context) {
	p.mu.Lock()
	p.stopped = true
	program := p.program
	p.mu.Unlock()
	p.cancel()
	if program != nil {
		program.Shutdown(ctx)
	}
}

// probe returns the function that carries out a readiness probe.
func (p *launched) probe(probe *corev1.Probe) func(context.Context) error {
	return func(ctx context.Context) error {
		p.mu.Lock()
		program := p.program
		p.mu.Unlock()
		if program == nil {
			return errEnded
		}
		ctx, cancel := context.WithTimeout(ctx, time.Duration(max(probe.TimeoutSeconds, 1))*time.Second)
		defer cancel()
		return program.Ready(ctx)
	}
}

// describe completes the status of the container.
func (p *launched) describe(s *corev1.ContainerStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.RestartCount = p.restarts
	if p.last != nil {
		s.LastTerminationState.Terminated = p.last
	}
	if p.program == nil {
		no := false
		s.Started, s.Ready = &no, false
		s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
		if p.last != nil {
			s.State.Waiting.Reason = "CrashLoopBackOff"
		}
		return
	}
	s.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: p.started}}
}

// withoutPrograms is the pod without the containers that are programs, whose ports no stand-in serves.
func (w *worker) withoutPrograms(pod *corev1.Pod) *corev1.Pod {
	launcher := w.fleet.options.Launcher
	if launcher == nil {
		return pod
	}
	rest := pod.DeepCopy()
	rest.Spec.Containers = slices.DeleteFunc(rest.Spec.Containers, func(c corev1.Container) bool {
		return launcher.Runs(pod, c)
	})
	return rest
}
