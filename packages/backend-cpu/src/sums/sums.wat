;; Sums in float64 of values of any dtype: for merging files. Lines that begin with `;;@` write a
;; block several times, or include a file; scripts/assemble-kernel.js says how, and puts the
;; assembled module into sums-bytes.ts. js-sums.ts does the same roundings in the
;; same order, so that results agree bit for bit.
;;
;; Counts are multiples of 16: the last elements of others are padded by the caller. Loops end on
;; equality: the end of an operand may be 2^32, which is 0.
(module
  (import "polyak" "memory" (memory 1))

  ;; sum += weight * values
  (func (export "addFloat64")
    (param $sum i32) (param $values i32) (param $count i32) (param $weight f64)
    (local $stop i32) (local $w v128)
    (local.set $w (f64x2.splat (local.get $weight)))
    (local.set $stop (i32.add (local.get $sum) (i32.shl (local.get $count) (i32.const 3))))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $sum) (local.get $stop)))
        ;;@ range at: 128 by 16
        (v128.store offset={at} (local.get $sum)
          (f64x2.add
            (v128.load offset={at} (local.get $sum))
            (f64x2.mul (v128.load offset={at} (local.get $values)) (local.get $w))))
        ;;@ end
        (local.set $values (i32.add (local.get $values) (i32.const 128)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 128)))
        (br $next))))

  (func (export "addFloat32")
    (param $sum i32) (param $values i32) (param $count i32) (param $weight f64)
    (local $stop i32) (local $w v128)
    (local.set $w (f64x2.splat (local.get $weight)))
    (local.set $stop (i32.add (local.get $sum) (i32.shl (local.get $count) (i32.const 3))))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $sum) (local.get $stop)))
        ;;@ range at: 64 by 8
        (v128.store offset={at+at} (local.get $sum)
          (f64x2.add
            (v128.load offset={at+at} (local.get $sum))
            (f64x2.mul
              (f64x2.promote_low_f32x4 (v128.load64_zero offset={at} (local.get $values)))
              (local.get $w))))
        ;;@ end
        (local.set $values (i32.add (local.get $values) (i32.const 64)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 128)))
        (br $next))))

  ;; A bfloat16 is the upper half of a float32.
  (func (export "addBfloat16")
    (param $sum i32) (param $values i32) (param $count i32) (param $weight f64)
    (local $stop i32) (local $w v128) (local $zero v128) (local $h v128)
    (local $low v128) (local $high v128)
    (local.set $w (f64x2.splat (local.get $weight)))
    (local.set $stop (i32.add (local.get $sum) (i32.shl (local.get $count) (i32.const 3))))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $sum) (local.get $stop)))
        ;;@ each from to: 0 0, 16 64
        (local.set $h (v128.load offset={from} (local.get $values)))
        (local.set $low
          (i8x16.shuffle 0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23
            (local.get $zero) (local.get $h)))
        (local.set $high
          (i8x16.shuffle 8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31
            (local.get $zero) (local.get $h)))
        ;;@ each x at next: low 0 16, high 32 48
        (v128.store offset={to+at} (local.get $sum)
          (f64x2.add
            (v128.load offset={to+at} (local.get $sum))
            (f64x2.mul (f64x2.promote_low_f32x4 (local.get ${x})) (local.get $w))))
        (v128.store offset={to+next} (local.get $sum)
          (f64x2.add
            (v128.load offset={to+next} (local.get $sum))
            (f64x2.mul
              (f64x2.promote_low_f32x4
                (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15
                  (local.get ${x}) (local.get ${x})))
              (local.get $w))))
        ;;@ end
        ;;@ end
        (local.set $values (i32.add (local.get $values) (i32.const 32)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 128)))
        (br $next))))

  ;; The bits of a float16, read as a float32, are 2^112 times too small, also where it is
  ;; subnormal; the weight makes up for it, and has to be below 2^911. This is not so for infinities
  ;; and NaN: it stops before 16 elements with one of those. Returns the address of the sum where it
  ;; stopped.
  (func (export "addFloat16")
    (param $sum i32) (param $values i32) (param $count i32) (param $weight f64) (result i32)
    (local $stop i32) (local $w v128) (local $mask v128) (local $infinity v128)
    (local $h0 v128) (local $h1 v128) (local $upper v128) (local $lower v128)
    (local $low v128) (local $high v128)
    (local.set $w (f64x2.splat (f64.mul (local.get $weight) (f64.const 0x1p112))))
    (local.set $mask (i16x8.splat (i32.const 0x8fff)))
    (local.set $infinity (i16x8.splat (i32.const 0xf800)))
    (local.set $stop (i32.add (local.get $sum) (i32.shl (local.get $count) (i32.const 3))))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $sum) (local.get $stop)))
        (local.set $h0 (v128.load (local.get $values)))
        (local.set $h1 (v128.load offset=16 (local.get $values)))
        (br_if $done
          (v128.any_true
            (i16x8.ge_u
              (i16x8.max_u
                (i16x8.add (local.get $h0) (local.get $h0))
                (i16x8.add (local.get $h1) (local.get $h1)))
              (local.get $infinity))))
        ;;@ each h to: h0 0, h1 64
        (local.set $upper
          (v128.and (i16x8.shr_s (local.get ${h}) (i32.const 3)) (local.get $mask)))
        (local.set $lower (i16x8.shl (local.get ${h}) (i32.const 13)))
        (local.set $low
          (i8x16.shuffle 0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23
            (local.get $lower) (local.get $upper)))
        (local.set $high
          (i8x16.shuffle 8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31
            (local.get $lower) (local.get $upper)))
        ;;@ each x at next: low 0 16, high 32 48
        (v128.store offset={to+at} (local.get $sum)
          (f64x2.add
            (v128.load offset={to+at} (local.get $sum))
            (f64x2.mul (f64x2.promote_low_f32x4 (local.get ${x})) (local.get $w))))
        (v128.store offset={to+next} (local.get $sum)
          (f64x2.add
            (v128.load offset={to+next} (local.get $sum))
            (f64x2.mul
              (f64x2.promote_low_f32x4
                (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15
                  (local.get ${x}) (local.get ${x})))
              (local.get $w))))
        ;;@ end
        ;;@ end
        (local.set $values (i32.add (local.get $values) (i32.const 32)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 128)))
        (br $next)))
    (local.get $sum))

  ;; Rounds sums. Returns 1 where all results are finite, otherwise 0.
  (func (export "roundFloat32")
    (param $sum i32) (param $target i32) (param $count i32) (result i32)
    (local $stop i32) (local $x v128) (local $bad v128)
    (local.set $stop (i32.add (local.get $sum) (i32.shl (local.get $count) (i32.const 3))))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $sum) (local.get $stop)))
        ;;@ range at: 64 by 8
        (v128.store64_lane offset={at} 0 (local.get $target)
          (local.tee $x
            (f32x4.demote_f64x2_zero (v128.load offset={at+at} (local.get $sum)))))
        ;; +0 for every finite x, and NaN for all others.
        (local.set $bad
          (v128.or (local.get $bad) (f32x4.sub (local.get $x) (local.get $x))))
        ;;@ end
        (local.set $target (i32.add (local.get $target) (i32.const 64)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 128)))
        (br $next)))
    (i32.eqz (v128.any_true (local.get $bad))))

  ;; To half precision, in one rounding. $factor is 2^(52 - bits of the fraction), and c the power
  ;; of two below |x|, but not below that of the $least normal number, times $factor. So |x| + c has
  ;; its last bit where the result has it, and is rounded as the result has to be. Its lower word is
  ;; then the significand, its upper one the exponent; $bias makes the least exponent 0. From $limit
  ;; on, which is where infinity stands among the numbers, and for NaN the result is $infinity.
  (func (export "roundHalf")
    (param $sum i32) (param $target i32) (param $count i32)
    (param $limit f64) (param $least f64) (param $factor f64) (param $shift i32) (param $bias i32)
    (param $infinity i32) (result i32)
    (local $stop i32) (local $largest v128) (local $a v128) (local $b v128) (local $y v128)
    (local $limits v128) (local $leasts v128) (local $factors v128) (local $biases v128)
    (local $magnitude v128) (local $exponent v128) (local $sign v128)
    (local $xa v128) (local $xb v128) (local $r0 v128) (local $r1 v128)
    (local.set $limits (f64x2.splat (local.get $limit)))
    (local.set $leasts (f64x2.splat (local.get $least)))
    (local.set $factors (f64x2.splat (local.get $factor)))
    (local.set $biases (i32x4.splat (local.get $bias)))
    (local.set $magnitude (i64x2.splat (i64.const 0x7fffffffffffffff)))
    (local.set $exponent (i64x2.splat (i64.const 0x7ff0000000000000)))
    (local.set $sign (i32x4.splat (i32.const 0x8000)))
    (local.set $stop (i32.add (local.get $sum) (i32.shl (local.get $count) (i32.const 3))))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $sum) (local.get $stop)))
        ;;@ each r low high: 0 0 16, 1 32 48
        ;;@ each x at: a {low}, b {high}
        (local.set ${x}
          (f64x2.pmin
            (local.get $limits)
            (v128.and
              (local.tee $x{x} (v128.load offset={at} (local.get $sum)))
              (local.get $magnitude))))
        (local.set ${x}
          (f64x2.add
            (local.get ${x})
            (f64x2.mul
              (f64x2.pmax (v128.and (local.get ${x}) (local.get $exponent)) (local.get $leasts))
              (local.get $factors))))
        ;;@ end
        (local.set $y
          (i32x4.sub
            (i32x4.add
              (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27
                (local.get $a) (local.get $b))
              (i32x4.shr_u
                (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31
                  (local.get $a) (local.get $b))
                (local.get $shift)))
            (local.get $biases)))
        (local.set $largest (i32x4.max_s (local.get $largest) (local.get $y)))
        (local.set $r{r}
          (v128.or
            (local.get $y)
            (v128.and
              (i32x4.shr_u
                (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31
                  (local.get $xa) (local.get $xb))
                (i32.const 16))
              (local.get $sign))))
        ;;@ end
        (v128.store (local.get $target)
          (i16x8.narrow_i32x4_u (local.get $r0) (local.get $r1)))
        (local.set $target (i32.add (local.get $target) (i32.const 16)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 64)))
        (br $next)))
    (i32.eqz
      (v128.any_true
        (i32x4.ge_s (local.get $largest) (i32x4.splat (local.get $infinity))))))

  ;; a, b = TwoSum(a, b) (Knuth, Møller): the rounded sum, and what was lost by rounding. Returns 1
  ;; where anything was lost, otherwise 0.
  (func (export "addExactly") (param $a i32) (param $b i32) (param $count i32) (result i32)
    (local $stop i32) (local $x v128) (local $y v128) (local $s v128) (local $d v128)
    (local $lost v128)
    (local.set $stop (i32.add (local.get $a) (i32.shl (local.get $count) (i32.const 3))))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $a) (local.get $stop)))
        ;;@ range at: 32 by 16
        (local.set $s
          (f64x2.add
            (local.tee $x (v128.load offset={at} (local.get $a)))
            (local.tee $y (v128.load offset={at} (local.get $b)))))
        (local.set $d (f64x2.sub (local.get $s) (local.get $x)))
        (v128.store offset={at} (local.get $a) (local.get $s))
        (v128.store offset={at} (local.get $b)
          (local.tee $s
            (f64x2.add
              (f64x2.sub (local.get $x) (f64x2.sub (local.get $s) (local.get $d)))
              (f64x2.sub (local.get $y) (local.get $d)))))
        (local.set $lost (v128.or (local.get $lost) (local.get $s)))
        ;;@ end
        (local.set $a (i32.add (local.get $a) (i32.const 32)))
        (local.set $b (i32.add (local.get $b) (i32.const 32)))
        (br $next)))
    (v128.any_true (f64x2.abs (local.get $lost))))

  ;;@ include checksum.wat
)
