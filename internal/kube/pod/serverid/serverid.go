// Package serverid makes the server ids by which network load balancers find the target of a QUIC connection, and reads
// them from pods. It does not write pods and does not know where the worker number of a process comes from.
package serverid

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Names in pods and namespaces, those of existing installations.
const (
	// Annotation of a pod names the containers that serve QUIC, separated by commas.
	Annotation = "service.beta.kubernetes.io/aws-load-balancer-quic-enabled-containers"
	// NamespaceLabel is the label, with the value enabled, of namespaces whose new pods the webhook sees.
	NamespaceLabel = "elbv2.k8s.aws/quic-server-id-inject"
	// DefaultVariable is the name of the environment variable with the id of a container, unless a flag has another one.
	DefaultVariable = "AWS_LBC_QUIC_SERVER_ID"
)

// ID is a server id. AWS allows 8 bytes (ELB API reference, TargetDescription).
type ID [8]byte

// Value returns the id as containers get it: standard base64 with padding.
func (id ID) Value() string { return base64.StdEncoding.EncodeToString(id[:]) }

// String returns the id as AWS takes it: 0x and 16 lower-case hexadecimal digits.
func (id ID) String() string { return "0x" + hex.EncodeToString(id[:]) }

// parse reads the value of an environment variable.
func parse(value string) (id ID, ok bool) {
	b, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(b) != len(id) {
		return ID{}, false
	}
	return ID(b), true
}

// Containers returns the names of the containers that serve QUIC, as the annotation of a pod has them; ok is false if
// it has none.
func Containers(pod *corev1.Pod) (names []string, ok bool) {
	v, ok := pod.Annotations[Annotation]
	if !ok {
		return nil, false
	}
	for name := range strings.SplitSeq(v, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names, true
}

// OfPort returns the id of the container of a pod that listens on a port, as AWS takes it; empty if there is none. A
// container that declares the port comes first, then those that the annotation names, then the others, as users may set
// the variable themselves. variable is the name of the environment variable.
func OfPort(pod *corev1.Pod, variable string, port int32) string {
	named, ok := Containers(pod)
	if !ok {
		return ""
	}
	type candidate struct {
		id              string
		declares, named bool
	}
	var first *candidate
	for c := range serving(pod) {
		at := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == variable && e.ValueFrom == nil })
		if at < 0 {
			continue
		}
		id, ok := parse(c.Env[at].Value)
		if !ok {
			continue
		}
		x := candidate{id.String(), slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
			return p.ContainerPort == port
		}), slices.Contains(named, c.Name)}
		if first == nil || x.declares && !first.declares || x.declares == first.declares && x.named && !first.named {
			first = &x
		}
	}
	if first == nil {
		return ""
	}
	return first.id
}

// serving are the containers of a pod that run while it serves: its containers and its sidecars.
func serving(pod *corev1.Pod) func(yield func(*corev1.Container) bool) {
	return func(yield func(*corev1.Container) bool) {
		for i := range pod.Spec.Containers {
			if !yield(&pod.Spec.Containers[i]) {
				return
			}
		}
		for i := range pod.Spec.InitContainers {
			c := &pod.Spec.InitContainers[i]
			if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways && !yield(c) {
				return
			}
		}
	}
}

// compose is the layout of an id: milliseconds since epoch, the worker, a number within the millisecond.
func compose(millisecond int64, worker uint32, number uint8) (id ID) {
	binary.BigEndian.PutUint64(id[:], uint64(millisecond-epoch)<<(workerBits+numberBits)|uint64(worker)<<numberBits|uint64(
		number))
	return id
}

const (
	epoch      = 1577836800000 // 2020-01-01, in milliseconds of Unix time
	workerBits = 17
	numberBits = 7
	// numbers is how many ids a worker makes in a millisecond.
	numbers = 1 << numberBits
	// Workers is how many numbers of workers there are, of which NextWorker goes round all but the last.
	Workers = 1 << workerBits
)

// NextWorker returns the worker that the next process takes after one that has taken w. As existing installations
// count, it is never the last number.
func NextWorker(w uint32) uint32 { return (w + 1) % (Workers - 1) }

// Generator makes ids that no other id of its worker equals. It is safe for concurrent use.
type Generator struct {
	worker uint32
	random func(n int) int

	mu     sync.Mutex
	at     int64 // the millisecond of the last id
	number int   // of the last id
}

// NewGenerator makes a generator of a worker, a number below Workers that no other process uses at the same time.
// random returns a number from 0 to n-1.
func NewGenerator(worker uint32, random func(n int) int) *Generator {
	return &Generator{worker: worker % Workers, random: random}
}

// Next makes an id. Where the clock has gone back, or a millisecond has no numbers left, the id has a time that is
// ahead of the clock: it only has to differ, and no pod is refused and none waits for a clock.
func (g *Generator) Next(now time.Time) ID {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch ms := now.UnixMilli(); {
	case ms > g.at:
		g.at, g.number = ms, g.random(numbers-1)
	case g.number < numbers-1:
		g.number++
	default:
		g.at, g.number = g.at+1, g.random(numbers-1)
	}
	return compose(g.at, g.worker, uint8(g.number))
}
