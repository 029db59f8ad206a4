// Package accesslog writes the logs of load balancers as Elastic Load Balancing delivers them: entries of requests,
// connections and health checks in AWS's line formats, gathered per node and delivered as gzip files under AWS's key in
// a folder per bucket. It has neither traffic nor account. It may import awssim/clock.
package accesslog

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
)

// DeliveryInterval is how often AWS delivers the log of a node.
const DeliveryInterval = 5 * time.Minute

// Kind distinguishes the logs of one load balancer; it is the beginning of a file's name.
type Kind string

// The kinds of logs.
const (
	Access      Kind = ""
	Connections Kind = "conn_log_"
	Checks      Kind = "health_check_log_"
)

// Stream is where lines go: one node's log of one kind. Two equal streams share a file.
type Stream struct {
	Bucket       string
	Prefix       string // "" for none, no slash at either end
	Kind         Kind
	LoadBalancer string // "app/NAME/ID" or "net/NAME/ID"
	Node         netip.Addr
}

// Options configure a Writer.
type Options struct {
	Directory string // a bucket is a folder in it, made when needed
	Account   string
	Region    string
	Clock     clock.Clock   // nil: the machine's
	Interval  time.Duration // between deliveries; 0: DeliveryInterval
	Random    func() uint64 // for names of files; safe for concurrent use
	// Logf gets deliveries that failed: as with AWS, delivery is best effort.
	Logf func(format string, args ...any)
}

// Writer gathers lines and delivers them. Its methods are safe for concurrent use; a nil Writer drops everything.
type Writer struct {
	o Options

	mu      sync.Mutex
	pending map[Stream]*bytes.Buffer
	stop    func() bool // the timer of the next delivery; nil: nothing is pending
	closed  bool
}

// New makes a Writer. Close it.
func New(o Options) *Writer {
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	o.Interval = cmp.Or(o.Interval, DeliveryInterval)
	return &Writer{o: o, pending: map[Stream]*bytes.Buffer{}}
}

// Add appends a line, without its newline, to a stream. A stream without bucket and a closed Writer drop it.
func (w *Writer) Add(s Stream, line string) {
	if w == nil || s.Bucket == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	b := w.pending[s]
	if b == nil {
		b = new(bytes.Buffer)
		w.pending[s] = b
	}
	b.WriteString(line)
	b.WriteByte('\n')
	if w.stop == nil {
		w.stop = w.o.Clock.AfterFunc(w.o.Interval, func() {
			if err := w.Flush(); err != nil {
				w.o.Logf("access logs: %v", err)
			}
		})
	}
}

// Flush delivers what is pending now. Its error joins those of all files that could not be written; their lines are
// lost.
func (w *Writer) Flush() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	pending := w.pending
	w.pending = map[Stream]*bytes.Buffer{}
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
	w.mu.Unlock()
	var bad []error
	for s, lines := range pending {
		if err := w.deliver(s, lines.Bytes()); err != nil {
			bad = append(bad, fmt.Errorf("deliver log of %s to bucket %s: %w", s.LoadBalancer, s.Bucket, err))
		}
	}
	return errors.Join(bad...)
}

// Close delivers what is pending; later lines are dropped.
func (w *Writer) Close() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	return w.Flush()
}

// key is the name of a file within its bucket, with slashes.
func (w *Writer) key(s Stream, now time.Time) string {
	now = now.UTC()
	var b strings.Builder
	if s.Prefix != "" {
		b.WriteString(s.Prefix + "/")
	}
	node := "0.0.0.0"
	if s.Node.IsValid() {
		node = s.Node.String()
	}
	fmt.Fprintf(&b, "AWSLogs/%s/elasticloadbalancing/%s/%s/%s%s_elasticloadbalancing_%s_%s_%s_%s_%s.log.gz",
		w.o.Account, w.o.Region, now.Format("2006/01/02"), s.Kind, w.o.Account, w.o.Region,
		strings.ReplaceAll(s.LoadBalancer, "/", "."), now.Format("20060102T1504Z"), strings.ReplaceAll(node, ":", "."),
		w.suffix())
	return b.String()
}

// suffix is the random part of a file's name: 8 letters and digits.
func (w *Writer) suffix() string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	var r uint64
	if w.o.Random != nil {
		r = w.o.Random()
	}
	out := make([]byte, 8)
	for i := range out {
		out[i] = letters[r%uint64(len(letters))]
		r /= uint64(len(letters))
	}
	return string(out)
}

func (w *Writer) deliver(s Stream, lines []byte) error {
	root, err := w.bucket(s.Bucket)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // nothing is written through the folder itself
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, werr := z.Write(lines)
	if err := errors.Join(werr, z.Close()); err != nil {
		return err
	}
	key := filepath.FromSlash(w.key(s, w.o.Clock.Now()))
	if err := root.MkdirAll(filepath.Dir(key), 0o755); err != nil {
		return err
	}
	return root.WriteFile(key, packed.Bytes(), 0o644)
}

// bucket opens the folder of a bucket, which no name leads out of.
func (w *Writer) bucket(name string) (*os.Root, error) {
	if !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) {
		return nil, fmt.Errorf("bucket name %q is not the name of a folder", name)
	}
	folder := filepath.Join(w.o.Directory, name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	return os.OpenRoot(folder)
}
