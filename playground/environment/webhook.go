package environment

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k8s-lbc/lbc/internal/lib/servingcert"
	"github.com/k8s-lbc/lbc/playground/manifest"
	"github.com/k8s-lbc/lbc/playground/process"
)

// webhooks are the admission webhooks of a controller that no release installs: the API server of the playground runs
// on this machine and calls them by address, not through a Service.
type webhooks struct {
	address string // host:port, the same at every start of the controller; empty: there are none
	dir     string // of the certificate
	ca      []byte
}

// certificateLifetime is longer than any playground lives.
const certificateLifetime = 365 * 24 * time.Hour

// InstallWebhooks applies the webhook configurations, also over changed ones. No webhook has to answer yet.
func (e *Environment) InstallWebhooks(ctx context.Context) error {
	objects, err := e.webhookConfigurations()
	if err != nil {
		return err
	}
	client, err := manifest.NewClient(e.Cluster.Plane.AdminConfig())
	if err != nil {
		return err
	}
	if err := client.Apply(ctx, objects...); err != nil {
		return err
	}
	e.control.hooked = true
	return nil
}

// webhookConfigurations are those of the release, or those of config/webhook with the controller's address.
func (e *Environment) webhookConfigurations() ([]*unstructured.Unstructured, error) {
	if e.options.Release != nil {
		return e.options.Release.configurations(), nil
	}
	if e.webhooks.address == "" {
		if err := e.prepareWebhooks(); err != nil {
			return nil, fmt.Errorf("prepare the admission webhooks: %w", err)
		}
	}
	path := filepath.Join(e.options.Repo.Webhooks(), "webhooks.yaml")
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the webhook configurations: %w", err)
	}
	objects, err := manifest.Parse(path, content)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if err := e.webhooks.direct(o); err != nil {
			return nil, fmt.Errorf("%s: %w", o.GetName(), err)
		}
	}
	return objects, nil
}

func (e *Environment) prepareWebhooks() error {
	free, err := process.FreeAddresses(1)
	if err != nil {
		return err
	}
	b, _, err := servingcert.Renew(servingcert.Bundle{}, servingcert.Policy{Lifetime: certificateLifetime, Hosts: []string{
		"127.0.0.1"}}, time.Now())
	if err != nil {
		return err
	}
	w := webhooks{address: free[0], dir: filepath.Join(e.Dir, "webhook"), ca: b.CA}
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(filepath.Join(w.dir, "tls.crt"), b.Cert, 0o600),
		os.WriteFile(filepath.Join(w.dir, "tls.key"), b.Key, 0o600)); err != nil {
		return err
	}
	e.webhooks = w
	return nil
}

// direct has the webhooks of a configuration called by address.
func (w webhooks) direct(o *unstructured.Unstructured) error {
	hooks, _, err := unstructured.NestedSlice(o.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, h := range hooks {
		hook, ok := h.(map[string]any)
		if !ok {
			return fmt.Errorf("a webhook is %T", h)
		}
		path, _, err := unstructured.NestedString(hook, "clientConfig", "service", "path")
		if err != nil {
			return err
		}
		u := url.URL{Scheme: "https", Host: w.address, Path: path}
		hook["clientConfig"] = map[string]any{"url": u.String(), "caBundle": base64.StdEncoding.EncodeToString(w.ca)}
	}
	return unstructured.SetNestedSlice(o.Object, hooks, "webhooks")
}

// args are the controller's. Only some controllers have a flag for the host: the others listen on all addresses of the
// machine.
func (w webhooks) args(takesHost bool) []string {
	host, port, err := net.SplitHostPort(w.address)
	if err != nil { // there are none
		return nil
	}
	out := []string{"--webhook-bind-port=" + port, "--webhook-cert-dir=" + w.dir}
	if takesHost {
		out = append(out, "--webhook-bind-host="+host)
	}
	return out
}
