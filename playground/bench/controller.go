package bench

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/playground/process"
)

// controller runs the binary under test with the flags that every installation uses.
type controller struct {
	path, dir, kubeconfig, endpoint string
	args                            []string
	seed                            seed.File

	process         *process.Process
	started         time.Time // of the process
	health, metrics string
	http            *http.Client
}

func (c *controller) logPath() string { return filepath.Join(c.dir, "logs", "controller.log") }

// start starts the binary; it does not wait for anything.
func (c *controller) start() error {
	ports, err := process.FreeAddresses(3)
	if err != nil {
		return err
	}
	_, webhook, err := net.SplitHostPort(ports[2])
	if err != nil {
		return err
	}
	temporary := filepath.Join(c.dir, "tmp")
	if err := webhookCertificate(filepath.Join(temporary, "k8s-webhook-server", "serving-certs")); err != nil {
		return fmt.Errorf("make a certificate for webhooks: %w", err)
	}
	args := append([]string{
		"--cluster-name=" + c.seed.Cluster.Name, "--kubeconfig=" + c.kubeconfig,
		"--aws-region=" + c.seed.Region, "--aws-vpc-id=" + c.seed.VPC.ID,
		"--leader-election-namespace=kube-system",
		"--health-probe-bind-addr=" + ports[0], "--metrics-bind-addr=" + ports[1], "--webhook-bind-port=" + webhook,
		"--enable-waf=false", "--enable-wafv2=false", "--enable-shield=false",
	}, c.args...)
	var env []string
	for _, v := range os.Environ() { // nothing by which the user's own AWS account or cluster could be reached
		// nor GOGC and GOMEMLIMIT, which a build or test may set
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "KUBE") && !strings.HasPrefix(v, "TMPDIR=") &&
			!strings.HasPrefix(v, "GOGC=") && !strings.HasPrefix(v, "GOMEMLIMIT=") {
			env = append(env, v)
		}
	}
	env = append(env,
		"AWS_ENDPOINT_URL="+c.endpoint, "AWS_REGION="+c.seed.Region, "AWS_ACCESS_KEY_ID=AKIABENCH00000000001",
		"AWS_SECRET_ACCESS_KEY=bench",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"TMPDIR="+temporary,
	)
	c.health, c.metrics = ports[0], ports[1]
	// Compression of the metrics, which are read several times a second, would be megabytes of the binary's memory.
	c.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableCompression: true}}
	c.started = time.Now()
	c.process, err = process.Start(process.Options{Path: c.path, Args: args, Env: env, Log: c.logPath()})
	return err
}

// afterStart is how long a controller has run when its deletions are measured. A process that has just begun cannot
// tell what the one before it wrote last, so it keeps finalizers until lists of AWS cannot lag behind that: 5 s with
// this controller, which lists the account once more then.
const afterStart = 9 * time.Second

// grown waits until the process has run for afterStart.
func (c *controller) grown(ctx context.Context) error {
	return sleep.For(ctx, afterStart-time.Since(c.started))
}

// stop asks the binary to end and waits for it.
func (c *controller) stop() {
	if c.process == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), process.Grace)
	defer cancel()
	c.process.Stop(ctx)
	c.http.CloseIdleConnections()
	c.process = nil
}

// healthy reports whether the binary's health probe answers, and its metrics, which are served beside it and may come
// later; the error is that of a binary that ended.
func (c *controller) healthy() (bool, error) {
	if err := c.process.Err(); err != nil {
		return false, err
	}
	resp, err := c.http.Get("http://" + c.health + "/healthz")
	if err != nil {
		return false, nil //nolint:nilerr // it does not listen yet
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		return false, err
	}
	_, err = c.work()
	return err == nil, c.process.Err()
}

// work is what the binary's metrics say of its queues.
type work struct {
	busy   float64 // items queued or being worked on
	passes float64 // reconciliations so far
}

// work reads the metrics that every controller-runtime program has.
func (c *controller) work() (work, error) {
	var w work
	if err := c.process.Err(); err != nil {
		return w, err
	}
	resp, err := c.http.Get("http://" + c.metrics + "/metrics")
	if err != nil {
		return w, err
	}
	defer resp.Body.Close()
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		line := s.Text()
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || line[0] == '#' {
			continue
		}
		v, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			continue
		}
		switch name, _, _ := strings.Cut(line[:i], "{"); name {
		case "workqueue_depth", "controller_runtime_active_workers":
			w.busy += v
		case "controller_runtime_reconcile_total":
			w.passes += v
		}
	}
	return w, nil
}

// resident is the binary's resident memory in bytes, and peak the most that it has been.
func (c *controller) resident() (int64, error) { return c.memory("VmRSS:") }
func (c *controller) peak() (int64, error)     { return c.memory("VmHWM:") }

func (c *controller) memory(field string) (int64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.process.PID()))
	if err != nil {
		return 0, fmt.Errorf("read the memory of the controller: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("read the memory of the controller: no " + field + " in its status")
}

// processor is the processor time that the binary has used since its start; 0 where the system does not tell.
func (c *controller) processor() time.Duration {
	if c.process == nil {
		return 0
	}
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.process.PID()))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(content), ") ") // the name before it may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	var ticks int64 // a hundredth of a second each, whatever the kernel's own clock
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// webhookCertificate writes a certificate where programs with webhooks look for it when no flag names it.
func webhookCertificate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "webhook"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "tls.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
			0o600),
		os.WriteFile(filepath.Join(dir, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}),
			0o600),
	)
}
