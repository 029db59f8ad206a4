package main

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/zap/zapcore"
)

// newLog returns a log of JSON lines, as users of the existing controller parse them: the format of zap's production
// configuration, with times as texts.
func newLog(level zapcore.Level, to zapcore.WriteSyncer) logr.Logger {
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey: "ts", LevelKey: "level", NameKey: "logger", MessageKey: "msg",
		LineEnding: zapcore.DefaultLineEnding, EncodeLevel: zapcore.LowercaseLevelEncoder,
		EncodeTime: zapcore.RFC3339TimeEncoder, EncodeDuration: zapcore.SecondsDurationEncoder,
	})
	core := zapcore.NewCore(encoder, zapcore.Lock(to), level)
	// Of equal messages in a second, all after the first hundred are left out, except each hundredth.
	return logr.New(&sink{core: zapcore.NewSamplerWithOptions(core, time.Second, 100, 100)})
}

// sink writes the lines of a log by zapcore. The loggers of zap and zapr would link 0.2 MB for kinds of values that
// nobody logs; a test compares the lines.
type sink struct {
	core zapcore.Core
	name string
	with []zapcore.Field // encoded with each line: most loggers of passes write none
}

// Init implements logr.LogSink.
func (s *sink) Init(logr.RuntimeInfo) {}

// Enabled implements logr.LogSink.
func (s *sink) Enabled(level int) bool { return s.core.Enabled(levelOf(level)) }

// levelOf is the level of zapcore, whose levels have the other direction.
func levelOf(level int) zapcore.Level { return zapcore.Level(-min(level, math.MaxInt8)) } //nolint:gosec // bounded

// Info implements logr.LogSink.
func (s *sink) Info(level int, message string, pairs ...any) {
	s.write(levelOf(level), message, fields(pairs))
}

// Error implements logr.LogSink.
func (s *sink) Error(err error, message string, pairs ...any) {
	all := fields(pairs)
	if err != nil {
		all = append(all, field("error", err))
	}
	s.write(zapcore.ErrorLevel, message, all)
}

func (s *sink) write(level zapcore.Level, message string, all []zapcore.Field) {
	line := s.core.Check(zapcore.Entry{LoggerName: s.name, Time: time.Now(), Level: level, Message: message}, nil)
	if line != nil {
		line.ErrorOutput = os.Stderr
		line.Write(append(slices.Clip(s.with), all...)...)
	}
}

// WithValues implements logr.LogSink.
func (s *sink) WithValues(pairs ...any) logr.LogSink {
	return &sink{s.core, s.name, append(slices.Clip(s.with), fields(pairs)...)}
}

// WithName implements logr.LogSink.
func (s *sink) WithName(name string) logr.LogSink {
	if s.name != "" {
		name = s.name + "." + name
	}
	return &sink{s.core, name, s.with}
}

// fields are keys and values. What follows a key that is no text is left out, as is a key without a value.
func fields(pairs []any) []zapcore.Field {
	out := make([]zapcore.Field, 0, len(pairs)/2+1)
	for ; len(pairs) > 1; pairs = pairs[2:] {
		key, ok := pairs[0].(string)
		if !ok {
			break
		}
		out = append(out, field(key, pairs[1]))
	}
	return out
}

// field is one key with its value. Values without a case are written as encoding/json does.
func field(key string, value any) zapcore.Field {
	switch v := value.(type) {
	case logr.Marshaler:
		key, value = replaced(key, v)
	case slog.LogValuer:
		value = slog.AnyValue(v).Resolve().Any()
	case slog.Value:
		value = v.Resolve().Any()
	}
	switch v := value.(type) {
	case string:
		return zapcore.Field{Key: key, Type: zapcore.StringType, String: v}
	case float64: // JSON of encoding/json has no NaN
		//nolint:gosec // its bits
		return zapcore.Field{Key: key, Type: zapcore.Float64Type, Integer: int64(math.Float64bits(v))}
	case time.Duration:
		return zapcore.Field{Key: key, Type: zapcore.DurationType, Integer: int64(v)}
	case time.Time:
		return zapcore.Field{Key: key, Type: zapcore.TimeFullType, Interface: v}
	case []string:
		return zapcore.Field{Key: key, Type: zapcore.ArrayMarshalerType, Interface: texts(v)}
	case []error:
		return zapcore.Field{Key: key, Type: zapcore.ArrayMarshalerType, Interface: faults(v)}
	case zapcore.ObjectMarshaler:
		return zapcore.Field{Key: key, Type: zapcore.ObjectMarshalerType, Interface: v}
	case zapcore.ArrayMarshaler:
		return zapcore.Field{Key: key, Type: zapcore.ArrayMarshalerType, Interface: v}
	case error:
		return zapcore.Field{Key: key, Type: zapcore.ErrorType, Interface: v}
	case fmt.Stringer:
		return zapcore.Field{Key: key, Type: zapcore.StringerType, Interface: v}
	}
	return zapcore.Field{Key: key, Type: zapcore.ReflectType, Interface: value}
}

// replaced is what is logged in the place of a value, or the panic of the method that says so.
func replaced(key string, m logr.Marshaler) (k string, value any) {
	defer func() {
		if r := recover(); r != nil {
			k, value = key+"Error", fmt.Sprintf("PANIC=%s", r)
		}
	}()
	return key, m.MarshalLog()
}

// texts are written as a list, an empty one too.
type texts []string

// MarshalLogArray implements zapcore.ArrayMarshaler.
//
//nolint:unparam // the interface has an error
func (t texts) MarshalLogArray(to zapcore.ArrayEncoder) error {
	for _, s := range t {
		to.AppendString(s)
	}
	return nil
}

// faults are written as a list of objects.
type faults []error

// MarshalLogArray implements zapcore.ArrayMarshaler.
func (f faults) MarshalLogArray(to zapcore.ArrayEncoder) error {
	for _, err := range f {
		if err == nil {
			continue
		}
		if e := to.AppendObject(zapcore.ObjectMarshalerFunc(func(o zapcore.ObjectEncoder) error {
			field("error", err).AddTo(o)
			return nil
		})); e != nil {
			return e
		}
	}
	return nil
}
