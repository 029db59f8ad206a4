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
		return fmt.Errorf("cannot remove the earlier snapshot: %w", err)
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
	{"restart", "Restart the API server; all watches begin again",
		`restart stops the API server, which cuts all its connections, and starts it again at the same address. Connections end at
once until it is ready. etcd keeps its content.`, "The API server has restarted."},
	{"pause", "Pause the API server: connections stay open, and nothing is answered",
		`pause suspends the process of the API server: connections stay open, and the API server answers no request and no watch until
"playground apiserver resume". If kubelets cannot write for 50 s, their nodes become not ready.`,
		`The API server is paused; "playground apiserver resume" ends the pause.`},
	{"resume", "Resume a paused API server", `resume ends "playground apiserver pause".`, "The API server runs again."},
	{"cut", "End all connections of the API server",
		`cut ends all connections of the API server, so all watches begin again. The API server keeps running.`,
		"All connections were ended."},
	{"snapshot", "Take a snapshot of etcd",
		`snapshot copies the content of etcd, for "playground apiserver restore". There is only one snapshot, and it is lost when the playground ends.`,
		`The snapshot exists; "playground apiserver restore" restores it.`},
	{"restore", "Restore etcd from its snapshot",
		`restore restores the content of etcd from the snapshot, and starts the API server again. Newer objects are gone, deleted objects exist
again, and resource versions are lower. The controller ends when it detects that; with several replicas, the cluster starts it again. Other
components may need 45 s to detect it.`, "etcd has the content of its snapshot."},
}

func newAPIServer(s *settings) *cobra.Command {
	c := &cobra.Command{
		Use:   "apiserver",
		Short: "Restart, pause or cut off the API server of the running playground, or restore its etcd",
		Example: `  playground apiserver restart
  playground apiserver pause && sleep 20 && playground apiserver resume
  playground apiserver snapshot       later: playground apiserver restore`,
		// so that a misspelt command is an error
		Args: onlyCommands, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
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
					return fmt.Errorf("the API server is not ready after %v (--timeout); \"playground logs apiserver\" "+
						"shows its log: %w", timeout, err)
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
		// so that a misspelt command is an error
		Args: onlyCommands, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newNodeAction(s, "kill", "End a node like the loss of its machine",
		`kill ends a node like the loss of its machine: its pods stop at once, nothing answers at its addresses, and nobody informs the API
server. After 50 s, the node becomes not ready.`,
		`Node %s is dead: its pods do not serve, and it becomes not ready after 50 s. "playground node revive %[1]s" replaces its machine.`),
		newNodeAction(s, "revive", "Replace the machine of a killed node",
			`revive starts a new machine for a killed node, and deletes the old Node object and its pods.`,
			"Node %s runs again."))
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
