;; The averaging kernel: one pass over operands that lie in one memory. `pnpm --filter @polyak/backend-cpu kernel` assembles it
;; into kernel-bytes.ts. kernel-js.ts does the same roundings in the same order, so that results agree bit for bit.
;;
;; Prefetchers follow a stream within its page only, so one stream keeps too few lines under way. The averages walk eight
;; stretches of 8 KiB side by side, half a line or a whole one of each at a time, at constant offsets: out of cache
;; 15 to 20 % less time than one stream, in cache as much. The compensated ones, with three operands, walk two pages of each.
;;
;; Loops end on equality and not on order: the end of an operand may be 2^32, which wraps to 0.
(module
  (import "polyak" "memory" (memory 4))

  ;; How many bytes to walk side by side with as many behind them: half of the rest, in whole vectors, at most a page.
  (func $half (param $rest i32) (param $mask i32) (result i32)
    (select
      (i32.const 4096)
      (i32.and (i32.shr_u (local.get $rest) (i32.const 1)) (local.get $mask))
      (i32.ge_u (local.get $rest) (i32.const 8192))))

  ;; average += weight * (live - average)
  (func (export "average32") (param $average i32) (param $live i32) (param $count i32) (param $weight f32)
    (local $rest i32) (local $stop i32) (local $w v128) (local $a v128) (local $x f32)
    (local.set $w (f32x4.splat (local.get $weight)))
    (local.set $rest (i32.shl (local.get $count) (i32.const 2)))
    (block $walked
      (loop $walk
        (br_if $walked (i32.lt_u (local.get $rest) (i32.const 65536)))
        (local.set $stop (i32.add (local.get $average) (i32.const 8192)))
        (loop $lines
          (v128.store (local.get $average) (f32x4.add (local.tee $a (v128.load (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=16 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=16 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=16 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=32 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=32 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=32 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=48 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=48 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=48 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=8192 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=8192 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=8192 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=8208 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=8208 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=8208 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=8224 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=8224 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=8224 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=8240 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=8240 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=8240 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=16384 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=16384 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=16384 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=16400 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=16400 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=16400 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=16416 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=16416 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=16416 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=16432 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=16432 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=16432 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=24576 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=24576 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=24576 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=24592 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=24592 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=24592 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=24608 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=24608 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=24608 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=24624 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=24624 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=24624 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=32768 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=32768 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=32768 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=32784 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=32784 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=32784 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=32800 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=32800 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=32800 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=32816 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=32816 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=32816 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=40960 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=40960 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=40960 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=40976 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=40976 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=40976 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=40992 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=40992 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=40992 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=41008 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=41008 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=41008 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=49152 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=49152 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=49152 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=49168 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=49168 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=49168 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=49184 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=49184 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=49184 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=49200 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=49200 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=49200 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=57344 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=57344 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=57344 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=57360 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=57360 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=57360 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=57376 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=57376 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=57376 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=57392 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=57392 (local.get $average)))
            (f32x4.mul (f32x4.sub (v128.load offset=57392 (local.get $live)) (local.get $a)) (local.get $w))))
          (local.set $live (i32.add (local.get $live) (i32.const 64)))
          (br_if $lines
            (i32.ne (local.tee $average (i32.add (local.get $average) (i32.const 64))) (local.get $stop))))
        (local.set $average (i32.add (local.get $average) (i32.const 57344)))
        (local.set $live (i32.add (local.get $live) (i32.const 57344)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 65536)))
        (br $walk)))
    (block $vectorsDone
      (loop $vectors
        (br_if $vectorsDone (i32.lt_u (local.get $rest) (i32.const 64)))
        (v128.store (local.get $average) (f32x4.add (local.tee $a (v128.load (local.get $average)))
          (f32x4.mul (f32x4.sub (v128.load (local.get $live)) (local.get $a)) (local.get $w))))
        (v128.store offset=16 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=16 (local.get $average)))
          (f32x4.mul (f32x4.sub (v128.load offset=16 (local.get $live)) (local.get $a)) (local.get $w))))
        (v128.store offset=32 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=32 (local.get $average)))
          (f32x4.mul (f32x4.sub (v128.load offset=32 (local.get $live)) (local.get $a)) (local.get $w))))
        (v128.store offset=48 (local.get $average) (f32x4.add (local.tee $a (v128.load offset=48 (local.get $average)))
          (f32x4.mul (f32x4.sub (v128.load offset=48 (local.get $live)) (local.get $a)) (local.get $w))))
        (local.set $average (i32.add (local.get $average) (i32.const 64)))
        (local.set $live (i32.add (local.get $live) (i32.const 64)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 64)))
        (br $vectors)))
    (loop $tail
      (if (local.get $rest) (then
        (f32.store (local.get $average)
          (f32.add
            (local.tee $x (f32.load (local.get $average)))
            (f32.mul (f32.sub (f32.load (local.get $live)) (local.get $x)) (local.get $weight))))
        (local.set $average (i32.add (local.get $average) (i32.const 4)))
        (local.set $live (i32.add (local.get $live) (i32.const 4)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 4)))
        (br $tail)))))

  (func (export "average64") (param $average i32) (param $live i32) (param $count i32) (param $weight f64)
    (local $rest i32) (local $stop i32) (local $w v128) (local $a v128) (local $x f64)
    (local.set $w (f64x2.splat (local.get $weight)))
    (local.set $rest (i32.shl (local.get $count) (i32.const 3)))
    (block $walked
      (loop $walk
        (br_if $walked (i32.lt_u (local.get $rest) (i32.const 65536)))
        (local.set $stop (i32.add (local.get $average) (i32.const 8192)))
        (loop $lines
          (v128.store (local.get $average) (f64x2.add (local.tee $a (v128.load (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=16 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=16 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=16 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=8192 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=8192 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=8192 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=8208 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=8208 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=8208 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=16384 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=16384 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=16384 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=16400 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=16400 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=16400 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=24576 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=24576 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=24576 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=24592 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=24592 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=24592 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=32768 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=32768 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=32768 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=32784 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=32784 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=32784 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=40960 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=40960 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=40960 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=40976 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=40976 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=40976 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=49152 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=49152 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=49152 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=49168 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=49168 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=49168 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=57344 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=57344 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=57344 (local.get $live)) (local.get $a)) (local.get $w))))
          (v128.store offset=57360 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=57360 (local.get $average)))
            (f64x2.mul (f64x2.sub (v128.load offset=57360 (local.get $live)) (local.get $a)) (local.get $w))))
          (local.set $live (i32.add (local.get $live) (i32.const 32)))
          (br_if $lines
            (i32.ne (local.tee $average (i32.add (local.get $average) (i32.const 32))) (local.get $stop))))
        (local.set $average (i32.add (local.get $average) (i32.const 57344)))
        (local.set $live (i32.add (local.get $live) (i32.const 57344)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 65536)))
        (br $walk)))
    (block $vectorsDone
      (loop $vectors
        (br_if $vectorsDone (i32.lt_u (local.get $rest) (i32.const 32)))
        (v128.store (local.get $average) (f64x2.add (local.tee $a (v128.load (local.get $average)))
          (f64x2.mul (f64x2.sub (v128.load (local.get $live)) (local.get $a)) (local.get $w))))
        (v128.store offset=16 (local.get $average) (f64x2.add (local.tee $a (v128.load offset=16 (local.get $average)))
          (f64x2.mul (f64x2.sub (v128.load offset=16 (local.get $live)) (local.get $a)) (local.get $w))))
        (local.set $average (i32.add (local.get $average) (i32.const 32)))
        (local.set $live (i32.add (local.get $live) (i32.const 32)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 32)))
        (br $vectors)))
    (loop $tail
      (if (local.get $rest) (then
        (f64.store (local.get $average)
          (f64.add
            (local.tee $x (f64.load (local.get $average)))
            (f64.mul (f64.sub (f64.load (local.get $live)) (local.get $x)) (local.get $weight))))
        (local.set $average (i32.add (local.get $average) (i32.const 8)))
        (local.set $live (i32.add (local.get $live) (i32.const 8)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 8)))
        (br $tail)))))

  ;; The value is average + residual:
  ;;   delta = ((live - average) - residual) * weight + residual
  ;;   average, residual = TwoSum(average, delta)
  ;; TwoSum (Knuth, Møller) needs no order of magnitudes; Fast2Sum would be wrong where |delta| > |average|, as at 0.
  (func (export "averageCompensated32")
    (param $average i32) (param $residual i32) (param $live i32) (param $count i32) (param $weight f32)
    (local $rest i32) (local $half i32) (local $stop i32)
    (local $farAverage i32) (local $farResidual i32) (local $farLive i32)
    (local $w v128) (local $a v128) (local $c v128) (local $d v128) (local $s v128) (local $b v128)
    (local $a1 f32) (local $c1 f32) (local $d1 f32) (local $s1 f32) (local $b1 f32)
    (local.set $w (f32x4.splat (local.get $weight)))
    (local.set $rest (i32.shl (local.get $count) (i32.const 2)))
    (block $paired
      (loop $pairs
        (br_if $paired (i32.eqz (local.tee $half (call $half (local.get $rest) (i32.const -16)))))
        (local.set $stop (local.tee $farAverage (i32.add (local.get $average) (local.get $half))))
        (local.set $farResidual (i32.add (local.get $residual) (local.get $half)))
        (local.set $farLive (i32.add (local.get $live) (local.get $half)))
        (loop $vectors
          (local.set $a (v128.load (local.get $average)))
          (local.set $c (v128.load (local.get $residual)))
          (local.set $d (f32x4.sub (f32x4.sub (v128.load (local.get $live)) (local.get $a)) (local.get $c)))
          (local.set $d (f32x4.add (f32x4.mul (local.get $d) (local.get $w)) (local.get $c)))
          (local.set $s (f32x4.add (local.get $a) (local.get $d)))
          (local.set $b (f32x4.sub (local.get $s) (local.get $a)))
          (v128.store (local.get $average) (local.get $s))
          (v128.store (local.get $residual)
            (f32x4.add
              (f32x4.sub (local.get $a) (f32x4.sub (local.get $s) (local.get $b)))
              (f32x4.sub (local.get $d) (local.get $b))))
          (local.set $a (v128.load (local.get $farAverage)))
          (local.set $c (v128.load (local.get $farResidual)))
          (local.set $d (f32x4.sub (f32x4.sub (v128.load (local.get $farLive)) (local.get $a)) (local.get $c)))
          (local.set $d (f32x4.add (f32x4.mul (local.get $d) (local.get $w)) (local.get $c)))
          (local.set $s (f32x4.add (local.get $a) (local.get $d)))
          (local.set $b (f32x4.sub (local.get $s) (local.get $a)))
          (v128.store (local.get $farAverage) (local.get $s))
          (v128.store (local.get $farResidual)
            (f32x4.add
              (f32x4.sub (local.get $a) (f32x4.sub (local.get $s) (local.get $b)))
              (f32x4.sub (local.get $d) (local.get $b))))
          (local.set $residual (i32.add (local.get $residual) (i32.const 16)))
          (local.set $live (i32.add (local.get $live) (i32.const 16)))
          (local.set $farAverage (i32.add (local.get $farAverage) (i32.const 16)))
          (local.set $farResidual (i32.add (local.get $farResidual) (i32.const 16)))
          (local.set $farLive (i32.add (local.get $farLive) (i32.const 16)))
          (br_if $vectors
            (i32.ne (local.tee $average (i32.add (local.get $average) (i32.const 16))) (local.get $stop))))
        (local.set $average (local.get $farAverage))
        (local.set $residual (local.get $farResidual))
        (local.set $live (local.get $farLive))
        (local.set $rest (i32.sub (local.get $rest) (i32.shl (local.get $half) (i32.const 1))))
        (br $pairs)))
    (loop $tail
      (if (local.get $rest) (then
        (local.set $a1 (f32.load (local.get $average)))
        (local.set $c1 (f32.load (local.get $residual)))
        (local.set $d1 (f32.sub (f32.sub (f32.load (local.get $live)) (local.get $a1)) (local.get $c1)))
        (local.set $d1 (f32.add (f32.mul (local.get $d1) (local.get $weight)) (local.get $c1)))
        (local.set $s1 (f32.add (local.get $a1) (local.get $d1)))
        (local.set $b1 (f32.sub (local.get $s1) (local.get $a1)))
        (f32.store (local.get $average) (local.get $s1))
        (f32.store (local.get $residual)
          (f32.add
            (f32.sub (local.get $a1) (f32.sub (local.get $s1) (local.get $b1)))
            (f32.sub (local.get $d1) (local.get $b1))))
        (local.set $average (i32.add (local.get $average) (i32.const 4)))
        (local.set $residual (i32.add (local.get $residual) (i32.const 4)))
        (local.set $live (i32.add (local.get $live) (i32.const 4)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 4)))
        (br $tail)))))

  (func (export "averageCompensated64")
    (param $average i32) (param $residual i32) (param $live i32) (param $count i32) (param $weight f64)
    (local $rest i32) (local $half i32) (local $stop i32)
    (local $farAverage i32) (local $farResidual i32) (local $farLive i32)
    (local $w v128) (local $a v128) (local $c v128) (local $d v128) (local $s v128) (local $b v128)
    (local $a1 f64) (local $c1 f64) (local $d1 f64) (local $s1 f64) (local $b1 f64)
    (local.set $w (f64x2.splat (local.get $weight)))
    (local.set $rest (i32.shl (local.get $count) (i32.const 3)))
    (block $paired
      (loop $pairs
        (br_if $paired (i32.eqz (local.tee $half (call $half (local.get $rest) (i32.const -16)))))
        (local.set $stop (local.tee $farAverage (i32.add (local.get $average) (local.get $half))))
        (local.set $farResidual (i32.add (local.get $residual) (local.get $half)))
        (local.set $farLive (i32.add (local.get $live) (local.get $half)))
        (loop $vectors
          (local.set $a (v128.load (local.get $average)))
          (local.set $c (v128.load (local.get $residual)))
          (local.set $d (f64x2.sub (f64x2.sub (v128.load (local.get $live)) (local.get $a)) (local.get $c)))
          (local.set $d (f64x2.add (f64x2.mul (local.get $d) (local.get $w)) (local.get $c)))
          (local.set $s (f64x2.add (local.get $a) (local.get $d)))
          (local.set $b (f64x2.sub (local.get $s) (local.get $a)))
          (v128.store (local.get $average) (local.get $s))
          (v128.store (local.get $residual)
            (f64x2.add
              (f64x2.sub (local.get $a) (f64x2.sub (local.get $s) (local.get $b)))
              (f64x2.sub (local.get $d) (local.get $b))))
          (local.set $a (v128.load (local.get $farAverage)))
          (local.set $c (v128.load (local.get $farResidual)))
          (local.set $d (f64x2.sub (f64x2.sub (v128.load (local.get $farLive)) (local.get $a)) (local.get $c)))
          (local.set $d (f64x2.add (f64x2.mul (local.get $d) (local.get $w)) (local.get $c)))
          (local.set $s (f64x2.add (local.get $a) (local.get $d)))
          (local.set $b (f64x2.sub (local.get $s) (local.get $a)))
          (v128.store (local.get $farAverage) (local.get $s))
          (v128.store (local.get $farResidual)
            (f64x2.add
              (f64x2.sub (local.get $a) (f64x2.sub (local.get $s) (local.get $b)))
              (f64x2.sub (local.get $d) (local.get $b))))
          (local.set $residual (i32.add (local.get $residual) (i32.const 16)))
          (local.set $live (i32.add (local.get $live) (i32.const 16)))
          (local.set $farAverage (i32.add (local.get $farAverage) (i32.const 16)))
          (local.set $farResidual (i32.add (local.get $farResidual) (i32.const 16)))
          (local.set $farLive (i32.add (local.get $farLive) (i32.const 16)))
          (br_if $vectors
            (i32.ne (local.tee $average (i32.add (local.get $average) (i32.const 16))) (local.get $stop))))
        (local.set $average (local.get $farAverage))
        (local.set $residual (local.get $farResidual))
        (local.set $live (local.get $farLive))
        (local.set $rest (i32.sub (local.get $rest) (i32.shl (local.get $half) (i32.const 1))))
        (br $pairs)))
    (loop $tail
      (if (local.get $rest) (then
        (local.set $a1 (f64.load (local.get $average)))
        (local.set $c1 (f64.load (local.get $residual)))
        (local.set $d1 (f64.sub (f64.sub (f64.load (local.get $live)) (local.get $a1)) (local.get $c1)))
        (local.set $d1 (f64.add (f64.mul (local.get $d1) (local.get $weight)) (local.get $c1)))
        (local.set $s1 (f64.add (local.get $a1) (local.get $d1)))
        (local.set $b1 (f64.sub (local.get $s1) (local.get $a1)))
        (f64.store (local.get $average) (local.get $s1))
        (f64.store (local.get $residual)
          (f64.add
            (f64.sub (local.get $a1) (f64.sub (local.get $s1) (local.get $b1)))
            (f64.sub (local.get $d1) (local.get $b1))))
        (local.set $average (i32.add (local.get $average) (i32.const 8)))
        (local.set $residual (i32.add (local.get $residual) (i32.const 8)))
        (local.set $live (i32.add (local.get $live) (i32.const 8)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 8)))
        (br $tail)))))

  ;; NaN and the infinities are the values whose exponent bits are all ones: the largest of the bits without their sign
  ;; decides, taken as integers, which subnormal numbers do not slow down. In 32-bit words a float64 is a low one, which
  ;; $lowMask blanks out, and one with the exponent; in float32 all words are alike.
  (func (export "allBelow") (param $data i32) (param $rest i32) (param $lowMask i32) (param $limit i32) (result i32)
    (local $stop i32) (local $mask v128) (local $m0 v128) (local $m1 v128)
    (local.set $mask
      (i64x2.splat
        (i64.or (i64.const 0x7fffffff00000000) (i64.extend_i32_u (local.get $lowMask)))))
    (local.set $stop (i32.add (local.get $data) (i32.and (local.get $rest) (i32.const -64))))
    (block $blocksDone
      (loop $blocks
        (br_if $blocksDone (i32.eq (local.get $data) (local.get $stop)))
        (local.set $m0
          (i32x4.max_s (local.get $m0) (v128.and (v128.load (local.get $data)) (local.get $mask))))
        (local.set $m1
          (i32x4.max_s (local.get $m1) (v128.and (v128.load offset=16 (local.get $data)) (local.get $mask))))
        (local.set $m0
          (i32x4.max_s (local.get $m0) (v128.and (v128.load offset=32 (local.get $data)) (local.get $mask))))
        (local.set $m1
          (i32x4.max_s (local.get $m1) (v128.and (v128.load offset=48 (local.get $data)) (local.get $mask))))
        (local.set $data (i32.add (local.get $data) (i32.const 64)))
        (br $blocks)))
    (local.set $rest (i32.and (local.get $rest) (i32.const 63)))
    (loop $tail
      (if (local.get $rest) (then
        ;; Of a float64, the upper word comes when an odd number of words is left.
        (local.set $m0
          (i32x4.max_s
            (local.get $m0)
            (i32x4.splat
              (i32.and
                (i32.load (local.get $data))
                (select (i32.const 0x7fffffff) (local.get $lowMask) (i32.and (local.get $rest) (i32.const 4)))))))
        (local.set $data (i32.add (local.get $data) (i32.const 4)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 4)))
        (br $tail))))
    (i32.eqz
      (v128.any_true
        (i32x4.ge_s (i32x4.max_s (local.get $m0) (local.get $m1)) (i32x4.splat (local.get $limit)))))))
