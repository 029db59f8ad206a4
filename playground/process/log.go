package process

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// Log returns the last lines that the child has written, or all lines if the number is negative. With follow,
// reading waits for more until the child or ctx ends.
func (p *Process) Log(ctx context.Context, follow bool, lines int) (io.ReadCloser, error) {
	f, err := os.Open(p.log)
	if err != nil {
		return nil, fmt.Errorf("there is no log of %s: %w", p.command.Path, err)
	}
	r := &logReader{ctx: ctx, process: p, file: f, follow: follow, at: p.begins}
	if lines >= 0 {
		written, err := io.ReadAll(&logReader{ctx: ctx, process: p, file: f, at: p.begins})
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("the log of %s cannot be read: %w", p.command.Path, err)
		}
		r.at += int64(lastLines(written, lines))
	}
	return r, nil
}

// lastLines is where the last n lines begin.
func lastLines(text []byte, n int) int {
	at := len(bytes.TrimSuffix(text, []byte("\n")))
	if n == 0 {
		return len(text)
	}
	for range n {
		if at = bytes.LastIndexByte(text[:at], '\n'); at < 0 {
			return 0
		}
	}
	return at + 1
}

// logPoll is the pause between looks at a log that is followed.
const logPoll = 100 * time.Millisecond

// logReader reads the part of a log file that is the child's.
type logReader struct {
	ctx     context.Context
	process *Process
	file    *os.File
	follow  bool
	at      int64
}

// Read implements io.Reader.
func (r *logReader) Read(b []byte) (int, error) {
	for {
		ended := r.process.ended()
		if ended {
			b = b[:min(int64(len(b)), max(r.process.ends-r.at, 0))]
		}
		n, err := r.file.ReadAt(b, r.at)
		r.at += int64(n)
		switch {
		case n > 0:
			return n, nil
		case err != nil && err != io.EOF:
			return 0, err
		case ended || !r.follow:
			return 0, io.EOF
		}
		select {
		case <-r.process.done:
		case <-time.After(logPoll):
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
}

// Close implements io.Closer.
func (r *logReader) Close() error { return r.file.Close() }

func (p *Process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}
