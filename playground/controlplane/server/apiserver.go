package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"

	"github.com/k8s-lbc/lbc/playground/controlplane"
)

// serviceCIDR is where cluster addresses of Services come from; it overlaps no VPC of the example accounts.
const serviceCIDR = "172.20.0.0/16"

// serviceIPv6CIDR is where those of IPv6 come from; unique local addresses.
const serviceIPv6CIDR = "fd5b:7c20::/112"

// serviceCIDRs are the ranges of the addresses of Services.
func serviceCIDRs(o controlplane.Options) string {
	if o.DualStack {
		return serviceCIDR + "," + serviceIPv6CIDR
	}
	return serviceCIDR
}

// apiServerFlags are the flags that every API server of a playground has.
func (cp *controlPlane) apiServerFlags(o controlplane.Options) []string {
	flags := []string{
		"--etcd-servers=" + cp.etcd.url,
		"--bind-address=127.0.0.1",
		"--tls-cert-file=" + cp.creds.ServingCert,
		"--tls-private-key-file=" + cp.creds.ServingKey,
		"--client-ca-file=" + cp.creds.CAFile,
		"--token-auth-file=" + cp.creds.TokenFile,
		"--authorization-mode=RBAC",
		// Kubelets are a server on this machine: nodes have their name as InternalDNS.
		"--kubelet-preferred-address-types=InternalDNS",
		"--kubelet-certificate-authority=" + cp.creds.CAFile,
		"--kubelet-client-certificate=" + cp.creds.KubeletClientCert,
		"--kubelet-client-key=" + cp.creds.KubeletClientKey,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + cp.creds.ServiceAccountKey,
		"--service-account-signing-key-file=" + cp.creds.ServiceAccountKey,
		"--service-cluster-ip-range=" + serviceCIDRs(o),
		// The Service "kubernetes" would get a loopback endpoint, which EndpointSlices refuse.
		"--endpoint-reconciler-type=none",
		"--allow-privileged=true",
		"--profiling=false",
	}
	if o.Emulated != "" {
		flags = append(flags, "--emulated-version="+o.Emulated)
	}
	return flags
}

func (cp *controlPlane) startAPIServer(o controlplane.Options) error {
	if cp.door == nil {
		socket, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		cp.door, cp.address = newDoor(socket), socket.Addr().String()
	}
	listener := cp.door.serve()

	opts := options.NewServerRunOptions()
	opts.SecureServing.Listener = listener
	opts.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port
	flags := cp.apiServerFlags(o)
	if o.Requests != "" {
		audit, err := cp.record(o.Requests)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		flags = append(flags, audit...)
	}
	if o.Egress != "" {
		egress, err := cp.proxied(o.Egress)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		flags = append(flags, egress)
	}
	if err := parse(opts.Flags(), flags); err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := opts.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return errors.Join(err, listener.Close())
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{}) // the server's own loopback clients are not to print

	ctx := context.Background()
	completed, err := opts.Complete(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return errors.Join(utilerrors.NewAggregate(errs), listener.Close())
	}
	cp.run(ctx, apiServerName, func(ctx context.Context) error {
		// The server's own name could be registered once in a process, and not again after a restart.
		name, err := cache.NewInformerName(apiServerName + " " + cp.address)
		if err != nil {
			return err
		}
		defer name.Release()
		completed.InformerName = name
		return app.Run(ctx, completed)
	})
	return nil
}

// startHooks bounds how long a start that is not wanted any more goes on: a server that is stopped while its start
// hooks run ends the process with a trace of all goroutines.
const startHooks = 10 * time.Second

// waitReady polls /readyz; the server has no channel for it. When ctx ends first, it returns as soon as the server can
// be stopped.
func (cp *controlPlane) waitReady(ctx context.Context) error {
	transport, err := rest.TransportFor(cp.creds.Config(cp.address, controlplane.Admin))
	if err != nil {
		return err
	}
	client := &http.Client{Transport: transport, Timeout: 2 * time.Second}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	abandoned := ctx.Done()
	var late <-chan time.Time
	for {
		if err := cp.failed(); err != nil {
			return err
		}
		resp, err := client.Get("https://" + cp.address + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return ctx.Err()
			}
			err = fmt.Errorf("/readyz answers %s", resp.Status)
		}
		select {
		case <-abandoned:
			abandoned, late = nil, time.After(startHooks)
		case <-late:
			return fmt.Errorf("not ready: %w (last: %w)", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// parse hands command line flags to a component's options, the same way in which its own command does.
func parse(sets cliflag.NamedFlagSets, args []string) error {
	fs := pflag.NewFlagSet("controlplane", pflag.ContinueOnError)
	fs.Usage = func() {}
	for _, set := range sets.FlagSets {
		fs.AddFlagSet(set)
	}
	return fs.Parse(args)
}
