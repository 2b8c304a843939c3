;; Half precision to float32, exactly, within one memory; $count is a multiple of 8. The source may
;; overlap the target if it ends where the target ends. Lines that begin with `;;@` write a block
;; several times; scripts/assemble-kernel.js says how, and puts the assembled module into
;; widen-bytes.ts.
(module
  (import "polyak" "memory" (memory 4))

  (func (export "bfloat16") (param $from i32) (param $to i32) (param $count i32)
    (local $stop i32)
    (local.set $stop (i32.add (local.get $from) (i32.shl (local.get $count) (i32.const 1))))
    (loop $next
      (if (i32.ne (local.get $from) (local.get $stop)) (then
        ;; It is the upper half of a float32.
        ;;@ range at: 16 by 8
        (v128.store offset={at+at} (local.get $to)
          (i32x4.shl (v128.load16x4_u offset={at} (local.get $from)) (i32.const 16)))
        ;;@ end
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (local.set $to (i32.add (local.get $to) (i32.const 32)))
        (br $next)))))

  (func (export "float16") (param $from i32) (param $to i32) (param $count i32)
    (local $stop i32) (local $x v128)
    (local.set $stop (i32.add (local.get $from) (i32.shl (local.get $count) (i32.const 1))))
    (loop $next
      (if (i32.ne (local.get $from) (local.get $stop)) (then
        ;;@ range at: 16 by 8
        ;; Its bits, read as a float32, are 2^112 times too small, also where it is subnormal.
        (local.set $x
          (f32x4.mul
            (v128.and
              (i32x4.shl (v128.load16x4_s offset={at} (local.get $from)) (i32.const 13))
              (i32x4.splat (i32.const 0x8fffe000)))
            (f32x4.splat (f32.const 0x1p112))))
        ;; From 2^16 on it was an infinity or NaN.
        (v128.store offset={at+at} (local.get $to)
          (v128.or
            (local.get $x)
            (v128.and
              (f32x4.ge (f32x4.abs (local.get $x)) (f32x4.splat (f32.const 0x1p16)))
              (i32x4.splat (i32.const 0x7f800000)))))
        ;;@ end
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (local.set $to (i32.add (local.get $to) (i32.const 32)))
        (br $next))))))
