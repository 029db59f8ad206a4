// Command compute prints the seconds of processor time that a row of the benchmark takes. "playground bench" runs it,
// so that the playground links nothing of the controller.
//
//	compute compute-1000
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/k8s-lbc/lbc/bench/compute"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: compute ROW, a row of kind compute of \"playground bench\"")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	seconds, err := compute.Seconds(ctx, os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "compute:", err)
		os.Exit(1)
	}
	fmt.Println(seconds)
}
