package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/playground/controlplane"
	"github.com/k8s-lbc/lbc/playground/environment"
)

// lab is what other commands may do to a running playground.
type lab struct {
	*environment.Environment
	*controlplane.ControlPlane
}

// snapshotDir is the directory of the snapshot of etcd below that of the environment.
const snapshotDir = "etcd-snapshot"

// SnapshotEtcd copies the content of etcd; the former snapshot is removed.
func (l lab) SnapshotEtcd() error {
	dir := filepath.Join(l.Dir, snapshotDir)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the former snapshot: %w", err)
	}
	return l.ControlPlane.SnapshotEtcd(dir)
}

// RestoreEtcd gives etcd the content that it had at the snapshot.
func (l lab) RestoreEtcd(ctx context.Context) error {
	dir := filepath.Join(l.Dir, snapshotDir)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return errors.New(`there is no snapshot; make one with "playground apiserver snapshot"`)
	}
	return l.ControlPlane.RestoreEtcd(ctx, dir)
}

// apiServerActions are the commands to the API server.
var apiServerActions = []struct{ action, short, long, done string }{
	{"restart", "Restart the API server; all watches begin anew", `restart stops the API server, which cuts all its connections, and starts it again at the same address. Connections end at
once until it is ready. etcd keeps its content.`, "The API server has restarted."},
	{"pause", "Have the API server stand still: connections stay, nothing is answered", `pause has the API server stand still as a process that is suspended does: connections stay open, and no request and no watch is
answered until "playground apiserver resume". Nodes whose kubelets cannot write for 50 s count as gone then.`, `The API server stands still; "playground apiserver resume" lets it go on.`},
	{"resume", "Let a paused API server go on", `resume lets an API server go on that stands still after "playground apiserver pause".`, "The API server goes on."},
	{"cut", "End all connections of the API server", `cut ends all connections of the API server, so that all watches begin again. The API server itself goes on.`, "All connections were ended."},
	{"snapshot", "Make a snapshot of etcd", `snapshot copies the content of etcd, for "playground apiserver restore". There is one snapshot; it ends with the playground.`,
		`There is a snapshot; "playground apiserver restore" goes back to it.`},
	{"restore", "Restore etcd from its snapshot", `restore gives etcd the content that it had at the snapshot, and starts the API server again: what was made since is gone, what was deleted
is there again, and resource versions are lower. The controller ends when it finds that; one of several replicas is started again. Other components may need 45 s to
find it.`, "etcd has the content of its snapshot."},
}

func newAPIServer(s *settings) *cobra.Command {
	c := &cobra.Command{
		Use:   "apiserver",
		Short: "Restart, pause or cut off the API server of the running playground, or restore its etcd",
		Example: `  playground apiserver restart
  playground apiserver pause && sleep 20 && playground apiserver resume
  playground apiserver snapshot       later: playground apiserver restore`,
		Args: onlyCommands, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }, // so that a misspelt command is an error
	}
	for _, a := range apiServerActions {
		timeout := 2 * time.Minute
		sub := &cobra.Command{
			Use: a.action, Short: a.short, Long: a.long, Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				_, e, err := s.running()
				if err != nil {
					return err
				}
				ctx, cancel := context.WithTimeout(c.Context(), timeout)
				defer cancel()
				_, err = send(ctx, e, order{Part: "apiserver", Action: a.action})
				if errors.Is(err, context.DeadlineExceeded) && c.Context().Err() == nil {
					return fmt.Errorf("the API server is not ready after %v (--timeout); \"playground logs apiserver\" shows its log: %w", timeout, err)
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(c.OutOrStdout(), a.done)
				return err
			},
		}
		sub.Flags().DurationVar(&timeout, "timeout", timeout, "maximum time to wait")
		c.AddCommand(sub)
	}
	return c
}

func newNode(s *settings) *cobra.Command {
	c := &cobra.Command{
		Use:     "node",
		Short:   "Kill or revive a node of the running playground",
		Example: "  playground node kill NAME",
		Args:    onlyCommands, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }, // so that a misspelt command is an error
	}
	c.AddCommand(newNodeAction(s, "kill", "End a node as the loss of its machine does", `kill ends a node as the loss of its machine does: its pods stop in the middle of what they do, nothing at its addresses answers,
and nobody tells the API server. After 50 s without a sign of it the node counts as not ready.`,
		`Node %s is dead: its pods serve no more, and it counts as not ready after 50 s. "playground node revive %[1]s" puts another machine in its place.`),
		newNodeAction(s, "revive", "Put another machine in the place of a killed node", `revive starts a machine in the place of a node that was killed. The Node object and the pods of the former one are deleted.`,
			"Node %s is back."))
	return c
}

func newNodeAction(s *settings, action, short, long, done string) *cobra.Command {
	return &cobra.Command{
		Use: action + " NAME", Short: short, Long: long, Args: named("the name of a node", true),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			_, e, err := s.running()
			if err != nil || len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return e.Nodes, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			_, e, err := s.running()
			if err != nil {
				return err
			}
			if _, err := send(c.Context(), e, order{Part: "node", Action: action, Name: args[0]}); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), done+"\n", args[0])
			return err
		},
	}
}
