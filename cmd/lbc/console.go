package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/internal/view/console"
)

const consoleHelp = `Serve a web page on this machine that shows the declared load balancers:

  - the path from each object to listeners, rules, target groups and pods, with the health of the targets
  - what is wrong
  - what the controller would change, and why
  - which answer a request gets, and why
  - for a Gateway that was translated from an Ingress, the differences between their plans

The page only reads, with your own credentials, and never shows Secrets. It has no login, so it
listens only on loopback addresses. lbc reads cluster and account once, and again when the page
requests it. It reads the health of targets while the page shows them.

` + inputHelp

const consoleExample = `  # All load balancers of the cluster of the current context
  lbc console

  # What the controller would create for these manifests
  lbc console -f shop.yaml --listen 127.0.0.1:8080`

type consoleOptions struct {
	inputs
	listen string
}

func consoleCommand() *cobra.Command {
	var o consoleOptions
	cmd := &cobra.Command{
		Use:     "console [FILE]... [--listen 127.0.0.1:PORT]",
		Short:   "Show load balancers, findings, plans and answers in a web page",
		Long:    consoleHelp,
		Example: consoleExample,
		Args:    cobra.ArbitraryArgs,
		RunE:    o.withFiles(o.run),
	}
	o.withCluster = true
	o.flags(cmd)
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:0",
		"loopback address and port of the page; port 0 chooses a free port")
	cmd.Flags().Lookup("namespace").Usage = "the only namespace whose load balancers are shown; default: all"
	return cmd
}

func (o *consoleOptions) run(ctx context.Context, out, errOut io.Writer, in io.Reader) error {
	if !console.IsLoopback(o.listen) {
		return fmt.Errorf("--listen %s: the console has no login, so it listens only on loopback addresses, such as "+
			"127.0.0.1:8080", o.listen)
	}
	source := &consoleSource{options: o, now: time.Now}
	if slices.Contains(o.files, "-") {
		text, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		source.stdin = text
	}
	o.allNamespaces = !o.given("namespace")
	if err := source.read(ctx, errOut); err != nil {
		return err
	}
	defer source.close()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	fmt.Fprintf(out, "http://%s\n", l.Addr())
	fmt.Fprintln(errOut, "lbc: the console is at the URL above; Ctrl-C ends it")
	return console.Serve(ctx, l, console.Handler(source))
}

// stdinOf is the standard input as it was read first.
func (s *consoleSource) stdinOf() io.Reader { return bytes.NewReader(s.stdin) }
